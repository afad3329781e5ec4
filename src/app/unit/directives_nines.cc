// [X-Nines]: what systemd has no word for. systemd itself skips sections that begin with "X-".
#include "app/unit/directive.h"
#include "app/unit/handlers.h"
#include "app/unit/word.h"

namespace nines::unit {
namespace {

constexpr std::string_view kCommand = "command:";

void availability_target(Draft& draft, const Setting& setting) {
  auto& target = draft.nines.availability_target;
  if (setting.value().empty()) return target.reset();
  const Result<double> share = parse_percentage(setting.value());
  if (!share) return draft.error(setting, 0, share.error().detail());
  if (*share <= 0 || *share >= 1) {
    return draft.error(setting, 0, "a target lies above 0% and below 100%, e.g. 99.95%");
  }
  target = *share;
}

/// HOST:PORT with HOST a name, an IPv4 address or [an IPv6 address]. @return false if it is not.
bool parse_host_port(std::string_view text, HealthCheck& health, std::uint16_t default_port) {
  std::size_t end = text.find(':');
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    health.host = text.substr(1, close - 1);
    end = close + 1;
    if (end < text.size() && text[end] != ':') return false;
  } else {
    health.host = text.substr(0, end);
  }
  if (health.host.empty() || health.host.find_first_of(" \t\"'/@") != std::string::npos)
    return false;
  health.port = default_port;
  if (end == std::string_view::npos || end >= text.size()) return default_port != 0;
  const Result<std::int64_t> port = parse_integer(text.substr(end + 1), 1, 65535);
  if (!port) return false;
  health.port = static_cast<std::uint16_t>(*port);
  return true;
}

/// "command:PROGRAM ARGUMENTS". @return nothing after an error was reported.
std::optional<ExecCommand> one_command(Draft& draft, const Setting& setting) {
  const std::string_view line = setting.value().substr(kCommand.size());
  std::vector<ExecCommand> list;
  if (!parse_commands(draft, setting, line, kCommand.size(), list)) return std::nullopt;
  if (list.size() == 1) return std::move(list.front());
  draft.error(setting, kCommand.size(), "one command only");
  return std::nullopt;
}

void health_command(Draft& draft, const Setting& setting) {
  auto command = one_command(draft, setting);
  if (!command) return;
  draft.health.kind = HealthCheck::Kind::kCommand;
  draft.health.command = std::move(*command);
}

void on_predicted(Draft& draft, const Setting& setting) {
  NinesSection& nines = draft.nines;
  const std::string_view value = setting.value();
  nines.on_predicted = OnPredicted::kWarn;
  nines.predicted_command.reset();
  if (value.empty() || value == "warn") return;
  if (value == "rejuvenate") {
    nines.on_predicted = OnPredicted::kRejuvenate;
  } else if (value.starts_with(kCommand)) {
    auto command = one_command(draft, setting);
    if (!command) return;
    nines.on_predicted = OnPredicted::kCommand;
    nines.predicted_command = std::move(*command);
  } else if (value == "checkpoint") {
    draft.error(
        setting, 0,
        "checkpoints are not there yet; write warn, rejuvenate or command:PROGRAM ARGUMENTS");
  } else {
    draft.error(setting, 0, "write warn, rejuvenate or command:PROGRAM ARGUMENTS");
  }
}

void health_check(Draft& draft, const Setting& setting) {
  constexpr std::string_view kTcp = "tcp:";
  constexpr std::string_view kHttp = "http://";
  constexpr std::uint16_t kHttpPort = 80;
  draft.given.health_check = !setting.value().empty();
  if (setting.value().empty()) return;
  const std::string_view value = setting.value();
  if (value.starts_with(kCommand)) {
    return health_command(draft, setting);
  }
  const auto resolved = draft.resolve(setting, value);
  if (!resolved) return;
  const std::string_view text = *resolved;
  if (text.starts_with(kTcp)) {
    draft.health.kind = HealthCheck::Kind::kTcp;
    if (!parse_host_port(text.substr(kTcp.size()), draft.health, 0)) {
      draft.error(setting, kTcp.size(), "write tcp:HOST:PORT");
    }
  } else if (text.starts_with(kHttp)) {
    const std::string_view rest = text.substr(kHttp.size());
    const std::size_t slash = rest.find('/');
    draft.health.kind = HealthCheck::Kind::kHttp;
    draft.health.http_path = slash == std::string_view::npos ? "/" : rest.substr(slash);
    const bool clean = draft.health.http_path.find_first_of(" \t\r\n") == std::string::npos;
    if (!clean || !parse_host_port(rest.substr(0, slash), draft.health, kHttpPort)) {
      draft.error(setting, kHttp.size(), "write http://HOST:PORT/PATH");
    }
  } else {
    draft.error(setting, 0,
                "write tcp:HOST:PORT, http://HOST:PORT/PATH or command:PROGRAM ARGUMENTS");
  }
}

template <auto kMember>
void escaped_bytes(Draft& draft, const Setting& setting) {
  Result<std::string> bytes = unescape_c_all(setting.value());
  if (!bytes) return draft.error(setting, 0, bytes.error().detail());
  field<kMember>(draft) = std::move(*bytes);
}

void health_status(Draft& draft, const Setting& setting) {
  const std::string_view value = setting.value();
  HealthCheck& health = draft.health;
  health.http_status_min = HealthCheck{}.http_status_min;
  health.http_status_max = HealthCheck{}.http_status_max;
  if (value.empty()) return;
  const std::size_t dash = value.find('-');
  const auto min = parse_integer(value.substr(0, dash), 100, 599);
  const auto max =
      dash == std::string_view::npos ? min : parse_integer(value.substr(dash + 1), 100, 599);
  if (!min || !max || *min > *max)
    return draft.error(setting, 0, "write a status or a range, e.g. 200-399");
  health.http_status_min = static_cast<int>(*min);
  health.http_status_max = static_cast<int>(*max);
}

/// A span above 0: an interval of nothing would never stop checking.
Result<Nanoseconds> parse_positive_span(std::string_view text) {
  NINES_ASSIGN(const Nanoseconds span, parse_finite_time_span(text));
  if (span.count() <= 0) {
    return Error(ErrorCode::kInvalidArgument, "parse", std::string(text))
        .with_detail("must be longer than 0");
  }
  return span;
}

constexpr Choice<CrashHandover> kHandovers[] = {{"auto", CrashHandover::kAuto},
                                                {"early", CrashHandover::kEarly},
                                                {"wait", CrashHandover::kWait},
                                                {"kill-dump", CrashHandover::kKillDump}};

constexpr Choice<CrashCore> kCrashCores[] = {{"auto", CrashCore::kAuto},
                                             {"none", CrashCore::kNone},
                                             {"minimal", CrashCore::kMinimal},
                                             {"full", CrashCore::kFull}};

Result<std::optional<Bytes>> parse_core_limit(std::string_view text) {
  if (text == "infinity") return std::optional<Bytes>();
  NINES_ASSIGN(const Bytes size, parse_size(text));
  return std::optional<Bytes>(size);
}

constexpr Directive kDirectives[] = {
    {kNines, "AvailabilityTarget", availability_target,
     "`nines why` measures its downtime against {}"},
    {kNines, "Standby", integer<&NinesSection::standby, 0, 1>,
     "0: no warm spare|1: one warm spare waits on the same listening socket and takes over at "
     "once"},
    {kNines, "CrashHandover", choice<&NinesSection::crash_handover, kHandovers>,
     "auto: after a crash the next one starts at once where its listening sockets are held here, "
     "else once the crashed one is gone|early: the next one starts while the crashed one is taken "
     "down, whose ports are freed; not for what locks its data|wait: the next one starts once the "
     "crashed one is gone, with its locks|kill-dump: the next one starts once the crashed one is "
     "gone, of which no whole core is kept"},
    {kNines, "CrashCore", choice<&NinesSection::crash_core, kCrashCores>,
     "auto: of a crash a whole core is kept if there is none of the same crash, there is room, and "
     "the next one need not wait for it|none: of a crash no memory is kept, so that it has no "
     "backtrace|minimal: of a crash is kept what a backtrace needs|full: of each crash a whole "
     "core "
     "is kept, even if the next one waits for it"},
    {kNines, "CrashCoreLimit", scalar<&NinesSection::crash_core_limit, parse_core_limit>,
     "no whole core is kept of a process with more memory than {}"},
    {kNines, "HealthyUptime", scalar<&NinesSection::healthy_uptime, parse_finite_time_span>,
     "after {} without a failure the delay between restarts starts from nothing again"},
    {kNines, "OnPredicted", on_predicted,
     "warn: a failure that is foretold is written down|rejuvenate: before a failure that is "
     "foretold the process is replaced, without a gap where its listening sockets are held here|"
     "*: before a failure that is foretold {} is run"},
    {kNines, "HealthCheck", health_check, "checked by {}; an unhealthy one is restarted"},
    {kNines, "HealthCheckSend", escaped_bytes<&HealthCheck::send>, "a tcp check sends {} first"},
    {kNines, "HealthCheckExpect", escaped_bytes<&HealthCheck::expect>,
     "a tcp check wants {} in the answer"},
    {kNines, "HealthCheckInterval", scalar<&HealthCheck::interval, parse_positive_span>,
     "checked every {}"},
    {kNines, "HealthCheckTimeout", scalar<&HealthCheck::timeout, parse_positive_span>,
     "a check without an answer after {} counts as failed"},
    {kNines, "HealthCheckStartPeriod", scalar<&HealthCheck::start_period, parse_finite_time_span>,
     "failed checks do not count during the first {}"},
    {kNines, "HealthCheckFailures", integer<&HealthCheck::failures_to_unhealthy, 1, 1000>,
     "unhealthy after {} failed checks in a row"},
    {kNines, "HealthCheckSuccesses", integer<&HealthCheck::successes_to_healthy, 1, 1000>,
     "healthy again after {} good checks in a row"},
    {kNines, "HealthCheckStatus", health_status, "an http check wants a status of {}"},
};

}  // namespace

std::span<const Directive> nines_directives() {
  return kDirectives;
}

}  // namespace nines::unit
