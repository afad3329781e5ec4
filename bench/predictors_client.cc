// Runs the predictors' zoo and times the predictors; bench/predictors.py reads what it prints.
//
//   predictors_client zoo FIRST_SEED RUNS
//   predictors_client cost
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "policy/zoo/zoo.h"

namespace {

using namespace nines::policy;

double quantile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

/// One line a species, tab-separated: kind, name, runs, warned, with any warning, median and 10 %
/// quantile of lead by length, median lead in seconds, false alarms, healthy weeks, readings.
void print_species(const zoo::Species& species, std::uint64_t seed, std::uint64_t runs) {
  std::uint64_t warned = 0;
  std::uint64_t any = 0;
  std::uint64_t readings = 0;
  int false_alarms = 0;
  double weeks = 0;
  std::vector<double> shares;
  std::vector<double> leads;
  for (std::uint64_t i = 0; i < runs; ++i) {
    const zoo::Outcome outcome = zoo::run(species, seed + i);
    warned += outcome.warned ? 1 : 0;
    any += outcome.lead > 0 ? 1 : 0;
    readings += outcome.readings;
    false_alarms += outcome.false_alarms;
    weeks += outcome.healthy_seconds / zoo::kWeek;
    if (!species.failing) continue;
    shares.push_back(outcome.lead / outcome.length);
    leads.push_back(outcome.lead);
  }
  fmt::print("{}\t{}\t{}\t{}\t{}\t{:.4f}\t{:.4f}\t{:.1f}\t{}\t{:.3f}\t{}\n",
             species.failing ? "failing" : "healthy", species.name, runs, warned, any,
             quantile(shares, 0.5), quantile(shares, 0.1), quantile(leads, 0.5), false_alarms,
             weeks, readings);
}

bool parse(std::string_view text, std::uint64_t& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 0;
  std::uint64_t runs = 0;
  if (argc == 4 && std::string_view(argv[1]) == "zoo" && parse(argv[2], seed) &&
      parse(argv[3], runs)) {
    for (const auto& species : zoo::failing_species()) print_species(species, seed, runs);
    for (const auto& species : zoo::healthy_species()) print_species(species, seed, runs);
    return 0;
  }
  fmt::print(stderr, "usage: predictors_client zoo FIRST_SEED RUNS | cost\n");
  return 2;
}
