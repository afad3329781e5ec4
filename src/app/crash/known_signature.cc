#include "app/crash/known_signature.h"

#include <nlohmann/json.hpp>

#include "base/id128.h"

namespace nines::crash {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kLongestName = 256;
constexpr std::size_t kLongestSummary = 1024;

std::string cut(const std::string& text, std::size_t most) {
  return text.substr(0, most);
}

json build_json(const BuildSeen& build) {
  return {{"build_id", cut(build.build_id, kLongestName)},
          {"count", build.count},
          {"first_seen", to_iso8601(build.first)},
          {"last_seen", to_iso8601(build.last)}};
}

// What follows throws json::exception on a document of another form.

std::string text_in(const json& from, const char* name, std::size_t most) {
  return cut(from.at(name).get<std::string>(), most);
}

UtcTime time_in(const json& from, const char* name) {
  const json& value = from.at(name);
  const auto time = parse_iso8601(value.get_ref<const std::string&>());
  if (!time) throw json::type_error::create(302, "no time", &value);
  return *time;
}

std::uint64_t count_in(const json& from) {
  const json& value = from.at("count");
  // What is negative would be taken for a huge one.
  if (!value.is_number_unsigned()) throw json::type_error::create(302, "no count", &value);
  return value.get<std::uint64_t>();
}

KnownSignature known_of(const json& value) {
  KnownSignature known;
  known.id = text_in(value, "id", kLongestName);
  known.kind = text_in(value, "kind", kLongestName);
  known.summary = text_in(value, "summary", kLongestSummary);
  known.function = text_in(value, "function", kLongestName);
  known.program = text_in(value, "program", kLongestName);
  known.count = count_in(value);
  known.first_seen = time_in(value, "first_seen");
  known.last_seen = time_in(value, "last_seen");
  for (const json& one : value.at("builds")) {
    if (known.builds.size() == kMostBuilds) break;
    known.builds.push_back({text_in(one, "build_id", kLongestName), count_in(one),
                            time_in(one, "first_seen"), time_in(one, "last_seen")});
  }
  if (value.contains("whole_core")) known.whole_core = time_in(value, "whole_core");
  known.note = text_in(value, "note", kLongestNote);
  known.fix = text_in(value, "fix", kLongestNote);
  return known;
}

}  // namespace

bool is_signature(std::string_view text) {
  return Id128::parse(text).has_value();
}

std::string encode(const KnownSignature& known) {
  json builds = json::array();
  for (const BuildSeen& build : known.builds) builds.push_back(build_json(build));
  json out = {{"version", kVersion},
              {"id", known.id},
              {"kind", cut(known.kind, kLongestName)},
              {"summary", cut(known.summary, kLongestSummary)},
              {"function", cut(known.function, kLongestName)},
              {"program", cut(known.program, kLongestName)},
              {"count", known.count},
              {"first_seen", to_iso8601(known.first_seen)},
              {"last_seen", to_iso8601(known.last_seen)},
              {"builds", std::move(builds)},
              {"note", cut(known.note, kLongestNote)},
              {"fix", cut(known.fix, kLongestNote)}};
  if (known.whole_core) out["whole_core"] = to_iso8601(*known.whole_core);
  // Names are the program's own, and may be any bytes, also cut in the middle of a letter.
  return out.dump(1, ' ', true, json::error_handler_t::replace) + "\n";
}

Result<KnownSignature> decode_known_signature(std::string_view text) {
  try {
    const json value = json::parse(text);
    if (value.at("version") == kVersion) {
      KnownSignature known = known_of(value);
      if (is_signature(known.id)) return known;
      return Error(ErrorCode::kCorrupt, "read signature").with_detail("it names no signature");
    }
    return Error(ErrorCode::kUnsupported, "read signature").with_detail("of another version");
  } catch (const json::exception& error) {
    return Error(ErrorCode::kCorrupt, "read signature").with_detail(error.what());
  }
}

}  // namespace nines::crash
