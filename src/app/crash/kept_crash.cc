#include "app/crash/kept_crash.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/crash/crash_store.h"
#include "app/crash/diagnosis_json.h"
#include "base/id128.h"
#include "sys/file.h"

namespace nines::crash {
namespace {

using nlohmann::json;

constexpr std::size_t kShortest = 8;
constexpr std::size_t kMostNamed = 8;
constexpr Bytes kLongestFacts{64 << 20};
constexpr Bytes kLongestDiagnosis{64 << 20};

/// The milliseconds that an id begins with. @see Id128::make()
UtcTime time_in(const std::string& id) {
  const auto parsed = Id128::parse(id);
  if (!parsed) return {};
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | parsed->bytes()[i];
  constexpr std::int64_t kMillisecond_ns = 1'000'000;
  constexpr std::int64_t kLatest_ms = std::int64_t{1} << 43;  // else it would overflow
  return UtcTime{std::min(ms, kLatest_ms) * kMillisecond_ns};
}

KeptCrash read_crash(const std::string& store, const std::string& id) {
  KeptCrash crash{id, store + "/" + id, time_in(id), std::nullopt};
  const auto text = sys::read_file(crash.directory + "/capture.json", Bytes{kMaxOutcome});
  if (text) crash.outcome = decode_outcome(*text);
  return crash;
}

/// Ids only, the newest first.
Result<std::vector<std::string>> ids_in(const std::string& store) {
  auto names = sys::list_directory(store);
  if (!names && names.error().code() == ErrorCode::kNotFound) return std::vector<std::string>();
  if (!names) return names;
  std::erase_if(*names, [](const std::string& name) { return !is_crash_id(name); });
  std::reverse(names->begin(), names->end());
  return names;
}

bool is_prefix(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<json> facts_in(const KeptCrash& crash) {
  const std::string path = crash.directory + "/facts.json";
  NINES_ASSIGN(const std::string text, sys::read_file(path, kLongestFacts));
  json facts = json::parse(text, nullptr, false);
  if (facts.is_object()) return facts;
  return Error(ErrorCode::kCorrupt, "read", path).with_detail("not a JSON document");
}

}  // namespace

Result<std::vector<KeptCrash>> list_crashes(const std::string& store) {
  NINES_ASSIGN(const auto ids, ids_in(store));
  std::vector<KeptCrash> crashes;
  crashes.reserve(ids.size());
  for (const std::string& id : ids) crashes.push_back(read_crash(store, id));
  return crashes;
}

Result<KeptCrash> find_crash(const std::string& store, std::string_view word) {
  NINES_ASSIGN(auto ids, ids_in(store));
  if (word == "latest" && !ids.empty()) return read_crash(store, ids.front());
  if (word != "latest" && !is_prefix(word)) {
    return Error(ErrorCode::kInvalidArgument, "find crash", std::string(word))
        .with_detail("an id has hexadecimal digits only")
        .with_hint("nines crash list shows them; latest is the newest");
  }
  std::erase_if(ids, [&](const std::string& id) { return !id.starts_with(word); });
  if (ids.empty()) {
    return Error(ErrorCode::kNotFound, "find crash", std::string(word))
        .with_detail("none of those that are kept in " + store)
        .with_hint("nines crash list shows them; the oldest are removed when there is no room");
  }
  if (ids.size() == 1) return read_crash(store, ids.front());
  std::string named;
  for (std::size_t i = 0; i < ids.size() && i < kMostNamed; ++i) named += " " + ids[i];
  if (ids.size() > kMostNamed) named += " ...";
  return Error(ErrorCode::kInvalidArgument, "find crash", std::string(word))
      .with_detail(std::to_string(ids.size()) + " crashes begin so")
      .with_hint("one of" + named);
}

std::size_t short_id_length(const std::vector<KeptCrash>& crashes) {
  // Sorted, so that those that are most alike are neighbours.
  std::size_t length = kShortest;
  for (std::size_t i = 1; i < crashes.size(); ++i) {
    const std::string &a = crashes[i - 1].id, &b = crashes[i].id;
    const auto differs = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
    length = std::max(length, static_cast<std::size_t>(differs - a.begin()) + 1);
  }
  return std::min(length, Id128::kDigits);
}

Result<Diagnosis> read_diagnosis(const KeptCrash& crash) {
  NINES_ASSIGN(const std::string text,
               sys::read_file(crash.directory + "/diagnosis.json", kLongestDiagnosis));
  return parse_diagnosis(text);
}

Result<std::string> fact_of(const KeptCrash& crash, const std::string& name) {
  NINES_ASSIGN(const json facts, facts_in(crash));
  const auto at = facts.find(name);
  if (at == facts.end()) return Error(ErrorCode::kNotFound, "read fact", name);
  if (at->is_string()) return at->get<std::string>();
  return Error(ErrorCode::kCorrupt, "read fact", name);
}

Result<std::vector<std::string>> mapped_paths(const KeptCrash& crash) {
  NINES_ASSIGN(const json facts, facts_in(crash));
  std::vector<std::string> paths;
  try {
    for (const json& file : facts.at("files")) paths.push_back(file.at("path").get<std::string>());
  } catch (const json::exception& error) {
    return Error(ErrorCode::kCorrupt, "read mapped files").with_detail(error.what());
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

}  // namespace nines::crash
