#include "ledger/cause.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace nines::ledger {
namespace {

using nlohmann::json;

struct ClassName {
  CauseClass kind;
  std::string_view name;
};

constexpr std::array<ClassName, 15> kClasses = {{
    {CauseClass::kUnknown, "unknown"},
    {CauseClass::kCrash, "crash"},
    {CauseClass::kKilled, "killed"},
    {CauseClass::kExit, "exit"},
    {CauseClass::kOom, "oom"},
    {CauseClass::kWatchdog, "watchdog"},
    {CauseClass::kHealth, "health"},
    {CauseClass::kTimeout, "timeout"},
    {CauseClass::kStartFailed, "start-failed"},
    {CauseClass::kDependency, "dependency"},
    {CauseClass::kRequest, "request"},
    {CauseClass::kRejuvenation, "rejuvenation"},
    {CauseClass::kShutdown, "shutdown"},
    {CauseClass::kHostCrash, "host-crash"},
    {CauseClass::kHostReboot, "host-reboot"},
}};

std::string member(const json& detail, const char* key) {
  const auto found = detail.find(key);
  return found != detail.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// The word after `prefix` in "signal SEGV (core dumped)" or "exit code 3".
std::string word_after(const std::string& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return {};
  const std::string rest = text.substr(prefix.size());
  return rest.substr(0, rest.find(' '));
}

/// Whether a signal's own action is to dump core; that may have been switched off.
/// @source signal(7)
bool dumps_core(const std::string& signal) {
  static constexpr std::array<std::string_view, 9> kCore = {"SEGV", "ABRT", "BUS",  "FPE", "ILL",
                                                            "SYS",  "TRAP", "XCPU", "XFSZ"};
  return std::find(kCore.begin(), kCore.end(), signal) != kCore.end();
}

Cause of_exit(const json& detail) {
  const std::string outcome = member(detail, "outcome");
  const std::string exit = member(detail, "exit");
  const std::string signal = word_after(exit, "signal ");
  if (outcome == "oom-kill") return {CauseClass::kOom, {}};
  if (outcome == "watchdog") return {CauseClass::kWatchdog, {}};
  if (outcome == "unhealthy") return {CauseClass::kHealth, {}};
  if (outcome == "timeout") return {CauseClass::kTimeout, {}};
  if (outcome == "resources") return {CauseClass::kStartFailed, {}};
  if (outcome == "core-dump" || dumps_core(signal) ||
      exit.find("core dumped") != std::string::npos) {
    return {CauseClass::kCrash, signal == "0" ? std::string() : signal};
  }
  if (!signal.empty()) return {CauseClass::kKilled, signal};
  if (const std::string code = word_after(exit, "exit code "); !code.empty()) {
    return {CauseClass::kExit, code};
  }
  return {CauseClass::kUnknown, outcome == "unknown" ? std::string() : outcome};
}

/// "SEGV: null dereference in main()"
Cause of_capture(const json& detail) {
  const std::string kind = member(detail, "what");
  if (kind == "watchdog") return {CauseClass::kWatchdog, {}};
  if (kind == "oom-kill") return {CauseClass::kOom, {}};
  std::string what = member(detail, "signal");
  if (kind.empty()) return {CauseClass::kCrash, what};
  const std::string function = member(detail, "function");
  std::string words = kind == "signal" ? std::string() : kind;
  std::replace(words.begin(), words.end(), '-', ' ');
  // An address is another one each time, and would be a cause of its own.
  if (!function.empty() && !function.starts_with("0x"))
    words += (words.empty() ? "in " : " in ") + function;
  if (!words.empty()) what += ": " + words;
  return {CauseClass::kCrash, std::move(what)};
}

}  // namespace

Cause with_findings(Cause cause, const std::optional<Event>& captured) {
  if (cause.kind != CauseClass::kCrash || !captured) return cause;
  Cause found = classify(*captured);
  return found.kind == cause.kind && !found.what.empty() ? found : cause;
}

Cause classify(const Event& event) {
  json detail = json::parse(event.detail_json, nullptr, /*allow_exceptions=*/false);
  if (!detail.is_object()) detail = json::object();
  const std::string& kind = event.kind;
  if (kind == "unit.exit") return of_exit(detail);
  if (kind == "unit.crash") return {CauseClass::kCrash, {}};
  // Comes after "unit.crash", which could not know the signal yet.
  if (kind == kDumpedKind)
    return {CauseClass::kCrash, word_after(member(detail, "exit"), "signal ")};
  if (kind == kCapturedKind) return of_capture(detail);
  if (kind == "unit.watchdog") return {CauseClass::kWatchdog, {}};
  if (kind == "unit.unhealthy" || kind == "health.fail") return {CauseClass::kHealth, {}};
  if (kind == "unit.start-timeout") return {CauseClass::kTimeout, {}};
  if (kind == "unit.start-failed") return {CauseClass::kStartFailed, {}};
  if (kind == "unit.rejuvenating") return {CauseClass::kRejuvenation, {}};
  if (kind == "unit.follows") return {CauseClass::kDependency, member(detail, "because_of")};
  if (kind == kDaemonStoppingKind) return {CauseClass::kShutdown, {}};
  if (kind == "unit.stop-requested") {
    const std::string by = member(detail, "by");
    if (by == "shutdown") return {CauseClass::kShutdown, {}};
    if (by == "rejuvenation") return {CauseClass::kRejuvenation, {}};
    const std::string other = member(detail, "because_of");
    return other.empty() ? Cause{CauseClass::kRequest, {}} : Cause{CauseClass::kDependency, other};
  }
  if (kind == kOutageKind) {
    const auto planned = detail.find("planned");
    const bool in_order = planned != detail.end() && planned->is_boolean() && planned->get<bool>();
    return {in_order ? CauseClass::kHostReboot : CauseClass::kHostCrash, {}};
  }
  return {CauseClass::kUnknown, kind};
}

std::string to_string(const Cause& cause) {
  for (const ClassName& known : kClasses) {
    if (known.kind != cause.kind) continue;
    return cause.what.empty() ? std::string(known.name)
                              : fmt::format("{}:{}", known.name, cause.what);
  }
  return "unknown";
}

Cause cause_from(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const std::string_view what =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  for (const ClassName& known : kClasses) {
    if (known.name == name) return {known.kind, std::string(what)};
  }
  return {CauseClass::kUnknown, std::string(text)};
}

std::string describe(const Cause& cause) {
  const std::string& what = cause.what;
  switch (cause.kind) {
    case CauseClass::kCrash: return what.empty() ? "crashed" : "crashed: SIG" + what;
    case CauseClass::kKilled: return "killed by SIG" + what;
    case CauseClass::kExit: return "exited with " + what;
    case CauseClass::kOom: return "out of memory";
    case CauseClass::kWatchdog: return "hung: watchdog";
    case CauseClass::kHealth: return "health check failed";
    case CauseClass::kTimeout: return "timed out";
    case CauseClass::kStartFailed: return "could not start";
    case CauseClass::kDependency: return what.empty() ? "a dependency" : "followed " + what;
    case CauseClass::kRequest: return "stopped by request";
    case CauseClass::kRejuvenation: return "replaced before it failed";
    case CauseClass::kShutdown: return "daemon stopped";
    case CauseClass::kHostCrash: return "host failed";
    case CauseClass::kHostReboot: return "host rebooted";
    case CauseClass::kUnknown: break;
  }
  return what.empty() ? "not known" : what;
}

}  // namespace nines::ledger
