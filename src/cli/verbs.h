// The verbs: what each is told, and where it is done.
#pragma once

#include <string>
#include <vector>

#include "api/limits.h"
#include "api/request.h"
#include "cli/context.h"
#include "cli/exit_code.h"

namespace nines::cli {

ExitCode run_overview(const Context& context);

struct CellOptions {
  std::string cell;  ///< "app.unplanned" or "app/unplanned"
};
ExitCode run_cell(const Context& context, const CellOptions& options);

struct StatusOptions {
  std::vector<std::string> units;
  bool check = false;  ///< fail unless all are running and healthy
  bool names = false;  ///< print names only
};
ExitCode run_status(const Context& context, const StatusOptions& options);

struct ActOptions {
  std::vector<std::string> units;  ///< names, or paths of unit files where a unit is started
  bool no_block = false;
};
ExitCode run_act(const Context& context, api::Verb verb, const ActOptions& options);

struct KeepOptions {
  std::vector<std::string> units;
  std::vector<std::string> command;  ///< after "--"
  bool detach = false;
};
ExitCode run_keep(const Context& context, const KeepOptions& options);

struct LogsOptions {
  std::string unit;
  std::size_t lines = api::kDefaultLogLines;
  bool follow = false;
  bool plain = false;  ///< without the time
};
ExitCode run_logs(const Context& context, const LogsOptions& options);

struct EventsOptions {
  std::string unit;
  std::string since;  ///< a time, or a duration before now
  std::size_t limit = api::kDefaultEvents;
  std::string after;  ///< id of an event: only what came after it
  bool follow = false;
};
ExitCode run_events(const Context& context, const EventsOptions& options);

struct WhyOptions {
  std::string what;    ///< a unit, "host", or the id of an event; empty: all units
  std::string since;   ///< a time, or a duration before now
  std::string ledger;  ///< read this file, whether a daemon answers or not
};
ExitCode run_why(const Context& context, const WhyOptions& options);

struct UpdatesOptions {
  bool all = false;  ///< also what nobody uses
};
ExitCode run_updates(const Context& context, const UpdatesOptions& options);

struct LedgerOptions {
  std::string ledger;  ///< this file instead of the daemon's
  std::string file;    ///< what is imported; "-": standard input
};
ExitCode run_export(const Context& context, const LedgerOptions& options);
ExitCode run_import(const Context& context, const LedgerOptions& options);
ExitCode run_ledger_check(const Context& context, const LedgerOptions& options);
ExitCode run_ledger_repair(const Context& context, const LedgerOptions& options);

ExitCode run_daemon_status(const Context& context);
ExitCode run_daemon_reexec(const Context& context);

struct UnitCheckOptions {
  std::vector<std::string> files;  ///< paths or names
  bool user = false;               ///< as a user's unit
};
ExitCode run_unit_check(const Context& context, const UnitCheckOptions& options);

}  // namespace nines::cli
