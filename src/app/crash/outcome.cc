#include "app/crash/outcome.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace nines::crash {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxShort = 400;
constexpr std::size_t kMaxText = 1024;

std::string printable(std::string_view text, std::size_t most) {
  std::string out(text.substr(0, most));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

/// Members that are missing, or of another type, make the whole of it bad.
class Reader {
 public:
  explicit Reader(const json& from) : from_(from) {}

  std::string text(const char* name, std::size_t most) {
    const auto at = from_.find(name);
    if (at == from_.end() || !at->is_string()) return bad(std::string());
    return printable(at->get_ref<const std::string&>(), most);
  }
  std::string text_if_there(const char* name, std::size_t most) {
    return from_.contains(name) ? text(name, most) : std::string();
  }
  template <typename T>
  T number(const char* name) {
    const auto at = from_.find(name);
    if (at == from_.end() || !at->is_number_unsigned()) return bad(T{0});
    const auto value = at->get<std::uint64_t>();
    if (value > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return bad(T{0});
    return static_cast<T>(value);
  }
  template <typename T>
  T number_if_there(const char* name) {
    return from_.contains(name) ? number<T>(name) : T{0};
  }
  bool flag(const char* name) {
    const auto at = from_.find(name);
    if (at == from_.end() || !at->is_boolean()) return bad(false);
    return at->get<bool>();
  }
  bool good() const { return good_; }

 private:
  template <typename T>
  T bad(T value) {
    good_ = false;
    return value;
  }
  const json& from_;
  bool good_ = true;
};

}  // namespace

std::string safe_name(std::string_view name) {
  return printable(name, kMaxName);
}

std::string encode(const Outcome& outcome) {
  const json out = {{"error", printable(outcome.error, kMaxText)},
                    {"error_code", outcome.error_code},
                    {"passed_to", printable(outcome.passed_to, kMaxText)},
                    {"pid", static_cast<std::uint32_t>(outcome.pid)},
                    {"program", safe_name(outcome.program)},
                    {"signal", static_cast<std::uint32_t>(outcome.signal)},
                    {"threads", outcome.threads},
                    {"memory", outcome.memory.count},
                    {"us", static_cast<std::uint64_t>(outcome.took.count() / 1000)},
                    {"note", printable(outcome.note, kMaxText)},
                    {"by_owner", outcome.by_owner},
                    {"unit", printable(outcome.unit, kMaxShort)},
                    {"kind", safe_name(outcome.kind)},
                    {"summary", printable(outcome.summary, kMaxShort)},
                    {"function", printable(outcome.function, kMaxShort)},
                    {"signature", safe_name(outcome.signature)},
                    {"same", outcome.same},
                    {"first_seen_ns", static_cast<std::uint64_t>(outcome.first_seen.ns)},
                    {"removed", outcome.removed},
                    {"core", outcome.core},
                    {"core_reason", printable(outcome.core_reason, kMaxText)},
                    {"core_path", printable(outcome.core_path, kMaxText)},
                    {"core_packed", outcome.core_packed.count},
                    {"core_size", outcome.core_size.count},
                    {"held_us", static_cast<std::uint64_t>(outcome.held.count() / 1000)},
                    {"cores_removed", outcome.cores_removed}};
  return out.dump() + "\n";
}

std::optional<Outcome> decode_outcome(std::string_view line) {
  if (line.size() > kMaxOutcome) return std::nullopt;
  const json in = json::parse(line, nullptr, false);
  if (!in.is_object()) return std::nullopt;
  Reader reader(in);
  Outcome outcome;
  outcome.error = reader.text("error", kMaxText);
  outcome.error_code = reader.text("error_code", kMaxName);
  outcome.passed_to = reader.text("passed_to", kMaxText);
  outcome.pid = reader.number<pid_t>("pid");
  outcome.program = reader.text("program", kMaxName);
  outcome.signal = reader.number<int>("signal");
  outcome.threads = reader.number<std::size_t>("threads");
  outcome.memory.count = reader.number<std::uint64_t>("memory");
  outcome.took = std::chrono::microseconds(reader.number<std::uint32_t>("us"));
  outcome.note = reader.text("note", kMaxText);
  outcome.by_owner = reader.flag("by_owner");
  outcome.removed = reader.number<std::size_t>("removed");
  // Crashes that were kept before there were these are still there.
  outcome.unit = reader.text_if_there("unit", kMaxShort);
  outcome.kind = reader.text_if_there("kind", kMaxName);
  outcome.summary = reader.text_if_there("summary", kMaxShort);
  outcome.function = reader.text_if_there("function", kMaxShort);
  outcome.signature = reader.text_if_there("signature", kMaxName);
  outcome.same = reader.number_if_there<std::uint64_t>("same");
  outcome.first_seen.ns = reader.number_if_there<std::int64_t>("first_seen_ns");
  outcome.core = reader.text_if_there("core", kMaxName);
  outcome.core_reason = reader.text_if_there("core_reason", kMaxText);
  outcome.core_path = reader.text_if_there("core_path", kMaxText);
  outcome.core_packed.count = reader.number_if_there<std::uint64_t>("core_packed");
  outcome.core_size.count = reader.number_if_there<std::uint64_t>("core_size");
  outcome.held = std::chrono::microseconds(reader.number_if_there<std::uint32_t>("held_us"));
  outcome.cores_removed = reader.number_if_there<std::size_t>("cores_removed");
  if (!reader.good()) return std::nullopt;
  return outcome;
}

}  // namespace nines::crash
