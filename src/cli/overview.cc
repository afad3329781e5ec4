// `nines` without a verb: the nine cells of this host; and one of them explained.
#include <fmt/format.h>
#include <sys/utsname.h>

#include "cli/matrix_view.h"
#include "cli/surroundings.h"
#include "cli/text_width.h"
#include "cli/unit_view.h"
#include "cli/verbs.h"

namespace nines::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// All that is waited for, so that with the printing this stays below 300 ms.
constexpr std::chrono::milliseconds kWhole{270};
/// Of it for the daemon, which may be busy with something else.
constexpr std::chrono::milliseconds kPatience{120};

struct Look {
  Surroundings around;
  matrix::Matrix cells;
  Nanoseconds elapsed{0};
};

Look look_at_all(const Context& context) {
  const Clock::time_point begin = Clock::now();
  Look look;
  look.around = look_around(context.runtime_dir, kPatience);
  matrix::ProbeOptions options;
  options.updates_helper = updates_helper();
  options.units = look.around.facts;
  options.units_unknown = look.around.units_unknown;
  options.limit = std::min(
      options.limit, std::chrono::ceil<std::chrono::milliseconds>(kWhole - (Clock::now() - begin)));
  look.cells = matrix::probe(options);
  look.elapsed = Clock::now() - begin;
  return look;
}

std::string host_line(const matrix::Machine& machine) {
  utsname host{};
  ::uname(&host);
  return fmt::format("{}: {} {}, {}", host.nodename, host.sysname, host.release,
                     machine_words(machine));
}

std::string daemon_unknown(const Context& context, const Surroundings& around) {
  if (!around.no_daemon) return "";
  if (around.no_daemon->code() == ErrorCode::kTimeout) return around.no_daemon->message();
  return explain_unreachable(context, *around.no_daemon).message();
}

void print_daemon(const Context& context, const Surroundings& around) {
  if (!around.daemon) {
    context.out << "daemon  "
                << context.terminal.paint(printable(daemon_unknown(context, around)),
                                          Tone::kWarning)
                << '\n';
    return;
  }
  const api::DaemonStatus& daemon = *around.daemon;
  context.out << fmt::format("daemon  ninesd {}, pid {}, up {}; ledger ", printable(daemon.version),
                             daemon.pid, to_human(daemon.uptime))
              << context.terminal.paint(printable(daemon.ledger_detail),
                                        daemon.ledger_ok ? Tone::kGood : Tone::kBad)
              << '\n';
  context.out << "units   "
              << (around.units.empty() ? "none yet" : summary(around.units, context.terminal))
              << '\n';
}

std::vector<std::pair<std::string, std::string>> what_to_type(const Context& context,
                                                              const Surroundings& around) {
  if (around.daemon && around.units.empty()) {
    return {{"nines keep UNIT", "keep a unit up, now and after each boot"}};
  }
  if (around.daemon) return {{"nines status UNIT", "one unit, its last events and log lines"}};
  return {{"ninesd", "start the daemon, here with --runtime-dir " + context.runtime_dir},
          {"nines keep -- COMMAND", "keep one program up in the foreground"}};
}

}  // namespace

ExitCode run_overview(const Context& context) {
  const Look look = look_at_all(context);
  const Surroundings& around = look.around;
  if (context.json) {
    context.out << matrix_json(look.cells, around.last, around.events_unknown,
                               daemon_unknown(context, around), look.elapsed)
                << '\n';
    return ExitCode::kOk;
  }
  context.out << "host    " << host_line(look.cells.machine) << '\n';
  print_daemon(context, around);
  context.out << '\n' << matrix_grid(look.cells, around.last, utc_now(), context.terminal);
  if (const std::string advice = matrix_advice(look.cells, context.terminal); !advice.empty()) {
    context.out << "\nWhat improves it\n" << advice;
  }
  if (!around.events_unknown.empty()) {
    context.out << "\nLast events: " << printable(around.events_unknown) << '\n';
  }
  context.out << "\nNext\n";
  for (const auto& [command, purpose] : what_to_type(context, around)) {
    context.out << fmt::format("  {:<22} {}\n", command, purpose);
  }
  context.out << "  nines app.unplanned    one cell, with all evidence\n"
                 "  nines help             all verbs\n";
  // To show how things are is what was asked for, and was done.
  return ExitCode::kOk;
}

ExitCode run_cell(const Context& context, const CellOptions& options) {
  const auto cell = matrix::cell_from(options.cell);
  if (!cell) {
    (void)report(context, Error(ErrorCode::kInvalidArgument, "find cell", options.cell)
                              .with_detail("no such cell")
                              .with_hint("app, os or hw, a dot, and unplanned, planned or "
                                         "proactive: nines app.unplanned"));
    return ExitCode::kUsage;
  }
  const Look look = look_at_all(context);
  const matrix::CellReport& found = look.cells.cells[static_cast<std::size_t>(*cell)];
  if (context.json) {
    context.out << cell_json(found, look.around.last) << '\n';
  } else {
    context.out << cell_card(found, look.around.last, utc_now(), context.terminal);
  }
  return ExitCode::kOk;
}

}  // namespace nines::cli
