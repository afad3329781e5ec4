// Runs the predictors' zoo and times the predictors; bench/predictors.py reads what it prints.
//
//   predictors_client zoo FIRST_SEED RUNS
//   predictors_client cost
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <vector>

#include "policy/latency.h"
#include "policy/recurrence.h"
#include "policy/zoo/zoo.h"

namespace {

using namespace nines::policy;  // NOLINT(google-build-using-namespace): a program of one file

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

constexpr int kCalls = 1'000'000;

/// Prints nanoseconds of CPU time a call, over a million of them; `call` gets the call's number.
template <typename Call>
void print_cost(std::string_view name, Call call) {
  int said = 0;
  const std::clock_t begin = std::clock();  // CPU time: others use the machine too
  for (int i = 0; i < kCalls; ++i) said += call(i).has_value() ? 1 : 0;
  const double took_ns = 1e9 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  fmt::print("{}\t{:.1f}\n", name, took_ns / kCalls);
  if (said < 0) fmt::print("\n");  // so that no call may be left out
}

nines::BootTime at(std::int64_t seconds) {
  return nines::BootTime{seconds * 1'000'000'000};
}

void print_costs() {
  zoo::Dice dice(1);
  std::vector<double> noise;
  for (int i = 0; i < 1024; ++i) noise.push_back(dice.normal(1));
  const auto some = [&](int i) { return noise[static_cast<std::size_t>(i) % noise.size()]; };
  TrendPredictor even(Predictor::kMemory);
  print_cost("trend, each second, even",
             [&](int i) { return even.add({at(i + 1), 400 + 10 * some(i), 1000}); });
  TrendPredictor slow(Predictor::kMemory);
  print_cost("trend, each 30 s, even",
             [&](int i) { return slow.add({at(30LL * i + 1), 400 + 10 * some(i), 1000}); });
  TrendPredictor leak(Predictor::kMemory);
  print_cost("trend, each second, leak",
             [&](int i) { return leak.add({at(i + 1), 100 + 900.0 * i / kCalls, 1000}); });
  RecurrencePredictor failures;
  print_cost("recurrence", [&](int i) {
    return failures.add(at(1000LL * i + static_cast<std::int64_t>(400 * some(i) / 4)),
                        "crash:SEGV");
  });
  LatencyPredictor latency;
  print_cost("latency", [&](int i) {
    const auto took = nines::Nanoseconds(20'000'000 + static_cast<std::int64_t>(2e6 * some(i)));
    return latency.add(at(10LL * i + 1), took, std::chrono::seconds(2));
  });
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
  if (argc == 2 && std::string_view(argv[1]) == "cost") {
    print_costs();
    return 0;
  }
  fmt::print(stderr, "usage: predictors_client zoo FIRST_SEED RUNS | cost\n");
  return 2;
}
