#include "ledger/advice.h"

#include <fmt/format.h>

namespace nines::ledger {
namespace {

std::string stem(const std::string& unit) {
  return unit.substr(0, unit.rfind('.'));
}

/// Where a setting goes that shall outlive updates of the package.
std::string setting(const std::string& unit, std::string_view section, std::string_view lines) {
  return fmt::format("/etc/nines/units/{}.d/nines.conf: [{}] {}", unit, section, lines);
}

/// The port never closes, and a warm spare takes over.
Advice spare(const std::string& unit, const UnitFacts& facts, const std::string& otherwise) {
  if (facts.known && facts.held_socket && facts.standby) return {std::nullopt, otherwise, ""};
  const std::string socket = stem(unit) + ".socket";
  if (facts.known && facts.held_socket) {
    return {Cell::kAppUnplanned, "a warm spare behind its held port",
            setting(unit, "X-Nines", "Standby=1")};
  }
  return {Cell::kAppUnplanned, "a warm spare behind a held port",
          fmt::format("/etc/nines/units/{}: [Socket] ListenStream=PORT\n{}", socket,
                      setting(unit, "X-Nines", "Standby=1"))};
}

Advice on_request(const std::string& unit, const UnitFacts& facts) {
  if (facts.can_reload) {
    return {Cell::kAppPlanned, "a reload, where only settings changed", "nines reload " + unit};
  }
  if (facts.known && facts.held_socket) {
    return {std::nullopt, "none: its held port made clients wait, not fail", ""};
  }
  const std::string socket = stem(unit) + ".socket";
  return {Cell::kAppPlanned, "a held port: clients wait instead of failing",
          fmt::format("/etc/nines/units/{}: [Socket] ListenStream=PORT", socket)};
}

/// A replacement with a gap: its port was not held, or nobody looked from outside.
Advice on_rejuvenation(const std::string& unit, const UnitFacts& facts) {
  if (facts.known && facts.held_socket) {
    return {Cell::kAppUnplanned, "a health check, which proves that clients saw no gap",
            setting(unit, "X-Nines", "HealthCheck=tcp:HOST:PORT")};
  }
  return {Cell::kAppUnplanned, "a held port: old and new serve side by side",
          fmt::format("/etc/nines/units/{}.socket: [Socket] ListenStream=PORT", stem(unit))};
}

Advice none(std::string why) {
  return {std::nullopt, std::move(why), ""};
}

}  // namespace

Advice advise(const Cause& cause, Cell cell, const std::string& unit, const UnitFacts& facts) {
  const bool host = unit == kHostUnit;
  const bool by_itself = cause.kind == CauseClass::kExit || cause.kind == CauseClass::kKilled;
  if (by_itself && cell == Cell::kAppPlanned) {
    return {Cell::kAppUnplanned, "Restart=always, if it was not meant to end",
            setting(unit, "Service", "Restart=always")};
  }
  switch (cause.kind) {
    case CauseClass::kExit:
    case CauseClass::kCrash:
    case CauseClass::kKilled:
      return spare(unit, facts, "none: a spare took over; what is left is the defect");
    case CauseClass::kOom:
      if (facts.memory_high) return none("none: MemoryHigh= is set; it needs more memory or a fix");
      return {Cell::kAppProactive, "MemoryHigh= throttles before MemoryMax= kills",
              setting(unit, "Service", "MemoryHigh=80%-OF-MemoryMax")};
    case CauseClass::kWatchdog:
    case CauseClass::kTimeout:
      return spare(unit, facts, "none: a spare took over once the hang was noticed");
    case CauseClass::kHealth:
      return spare(unit, facts, "none: a spare took over once the check had failed");
    case CauseClass::kDependency: {
      const std::string other = cause.what.empty() ? "the other unit" : cause.what;
      return {Cell::kAppUnplanned, fmt::format("what keeps {} up", other),
              cause.what.empty() ? "" : "nines why " + cause.what};
    }
    case CauseClass::kRequest: return on_request(unit, facts);
    case CauseClass::kRejuvenation: return on_rejuvenation(unit, facts);
    case CauseClass::kStartFailed:
      return none("none: it must be able to start; nines logs " + unit);
    case CauseClass::kShutdown:
      return {Cell::kAppPlanned, "the daemon is replaced without stopping units",
              "nines daemon reexec"};
    case CauseClass::kHostCrash:
      return none(host ? "none on this host alone"
                       : "none on this host alone: a second one must serve");
    case CauseClass::kHostReboot:
      return none(host ? "none on this host alone"
                       : "none on this host alone: a second one must serve meanwhile");
    case CauseClass::kUnknown: break;
  }
  return none("none can be named: no event tells the cause");
}

}  // namespace nines::ledger
