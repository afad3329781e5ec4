#include <fmt/format.h>

#include <sys/utsname.h>

#include "api/codec.h"
#include "api/runtime_dir.h"
#include "cli/text_width.h"
#include "cli/unit_view.h"
#include "cli/verbs.h"

namespace nines::cli {
namespace {

Result<std::pair<api::DaemonStatus, std::vector<api::UnitStatus>>> ask(const Context& context) {
  auto client = api::Client::connect(api::api_socket_path(context.runtime_dir));
  if (!client) return explain_unreachable(context, client.error());
  NINES_ASSIGN(const std::string status, client->call(api::GetStatus{}));
  NINES_ASSIGN(api::DaemonStatus daemon, api::decode_daemon(status));
  NINES_ASSIGN(const std::string list, client->call(api::ListUnits{}));
  NINES_ASSIGN(std::vector<api::UnitStatus> units, api::decode_units(list));
  return std::pair(std::move(daemon), std::move(units));
}

std::string host_line() {
  utsname host{};
  ::uname(&host);
  return fmt::format("{}: {} {} on {}", host.nodename, host.sysname, host.release, host.machine);
}

void suggest(const Context& context, const std::vector<std::pair<std::string, std::string>>& next) {
  context.out << "\nNext\n";
  for (const auto& [command, purpose] : next) {
    context.out << fmt::format("  {:<28} {}\n", command, purpose);
  }
}

void print_units(const Context& context, const std::vector<api::UnitStatus>& units) {
  if (units.empty()) {
    context.out << "units   none yet\n";
    suggest(context, {{"nines keep redis-server", "keep a unit up, now and after each boot"},
                      {"nines unit check FILE", "what each line of a unit file will do"},
                      {"nines help", "all verbs"}});
    return;
  }
  context.out << "units   " << summary(units, context.terminal) << "\n\n"
              << unit_table(units).render(context.terminal);
  suggest(context, {{"nines status UNIT", "one unit, its last events and log lines"},
                    {"nines events -f", "what happens, as it happens"},
                    {"nines help", "all verbs"}});
}

}  // namespace

ExitCode run_overview(const Context& context) {
  const auto seen = ask(context);
  if (context.json) {
    if (!seen) return report(context, seen.error());
    context.out << api::encode(seen->second) << '\n';
    return ExitCode::kOk;
  }
  context.out << "host    " << host_line() << '\n';
  if (!seen) {
    context.out << "daemon  "
                << context.terminal.paint(printable(seen.error().message()), Tone::kWarning)
                << '\n';
    suggest(context,
            {{"ninesd", "start the daemon, here with --runtime-dir " + context.runtime_dir},
             {"nines keep -- COMMAND", "keep one program up in the foreground, without a daemon"},
             {"nines help", "all verbs"}});
    // To show how things are is what was asked for, and was done.
    return ExitCode::kOk;
  }
  const api::DaemonStatus& daemon = seen->first;
  context.out << fmt::format("daemon  ninesd {}, pid {}, up {}; ledger ", printable(daemon.version),
                             daemon.pid, to_human(daemon.uptime))
              << context.terminal.paint(printable(daemon.ledger_detail),
                                        daemon.ledger_ok ? Tone::kGood : Tone::kBad)
              << '\n';
  print_units(context, seen->second);
  return ExitCode::kOk;
}

}  // namespace nines::cli
