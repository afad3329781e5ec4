#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <functional>

#include "api/runtime_dir.h"
#include "cli/crash_command.h"
#include "cli/describe.h"
#include "cli/pager.h"
#include "cli/patch_command.h"
#include "cli/usage_hint.h"
#include "cli/verbs.h"
#include "matrix/finding.h"

namespace nines::cli {
namespace {

/// Without a description, which CLI11 would append to the option's name in the help.
CLI::Validator at_most(std::size_t most) {
  CLI::Validator range = CLI::Range(std::size_t{0}, most);
  range.description("");
  return range;
}

CLI::Validator one_of(std::vector<std::string> words) {
  CLI::Validator member = CLI::IsMember(std::move(words));
  member.description("");
  return member;
}

/// The parser with everything that it writes into. Not movable: CLI11 holds addresses.
class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// @throws CLI::ParseError.
  void parse(std::vector<std::string> arguments);
  ExitCode run(std::ostream& out, std::ostream& err, Terminal terminal, Terminal err_terminal);
  /// Whether what is printed now may go through a pager.
  bool is_paged() const;
  CommandTable table();
  /// "daemon status", or "" where the command line has no verb.
  std::string parsed_verb() const;

 private:
  using Run = std::function<ExitCode(const Context&)>;

  CLI::App* verb(CLI::App& parent, const std::string& name, const std::string& description,
                 Run run);
  void add_globals();
  void add_act(api::Verb verb, const std::string& description);
  void add_looking();
  void add_moving();
  void add_ledger();
  void add_daemon();
  void add_help();
  ExitCode run_help(const Context& context);

  CLI::App app_{"", "nines"};
  Run run_ = &run_overview;
  std::string runtime_dir_ = api::default_runtime_dir();
  bool json_ = false, no_color_ = false, no_pager_ = false;

  CellOptions cell_;
  StatusOptions status_;
  ActOptions act_;
  KeepOptions keep_;
  LogsOptions logs_;
  EventsOptions events_;
  WhyOptions why_;
  UpdatesOptions updates_;
  LedgerOptions ledger_;
  UnitCheckOptions unit_check_;
  CrashCommand crash_;
  PatchCommand patch_;
  std::vector<std::string> help_verb_;
  bool help_man_ = false;
  std::string shell_;
};

CommandLine::CommandLine() {
  app_.fallthrough();  // global options may stand behind the verb
  app_.require_subcommand(0, 1);
  add_globals();
  add_looking();
  add_moving();
  add_ledger();
  crash_.add(app_, [this](CLI::App& parent, const std::string& name, const std::string& description,
                          Run run) { return verb(parent, name, description, std::move(run)); });
  patch_.add(app_, [this](CLI::App& parent, const std::string& name, const std::string& description,
                          Run run) { return verb(parent, name, description, std::move(run)); });
  add_daemon();
  add_help();
}

CLI::App* CommandLine::verb(CLI::App& parent, const std::string& name,
                            const std::string& description, Run run) {
  CLI::App* added = parent.add_subcommand(name, description);
  added->callback([this, run = std::move(run)] { run_ = run; });
  return added;
}

void CommandLine::add_globals() {
  app_.set_help_flag("-h,--help", "Print help and do nothing else.");
  app_.set_version_flag("--version", std::string("nines ") + NINES_VERSION,
                        "Print the version and do nothing else.");
  app_.add_option("--runtime-dir", runtime_dir_,
                  "Where the daemon's socket is; default /run/nines, for an ordinary user "
                  "$XDG_RUNTIME_DIR/nines.")
      ->type_name("DIR");
  app_.add_flag("--json", json_,
                "Print JSON: one document, or for logs and events one document a line.");
  app_.add_flag("--no-color", no_color_, "No colours, also on a terminal.");
  app_.add_flag("--no-pager", no_pager_, "No pager for what is longer than the screen.");
}

void CommandLine::add_looking() {
  CLI::App* cell =
      verb(app_, "cell", "Explain one cell of the matrix: evidence, verdict, next step.",
           [this](const Context& c) { return run_cell(c, cell_); });
  cell->add_option("CELL", cell_.cell, "As in app.unplanned.")->required();

  CLI::App* status = verb(app_, "status", "Show units: all as a table, one as a card.",
                          [this](const Context& c) { return run_status(c, status_); });
  status->add_option("UNIT", status_.units, "Only these; without the suffix .service is meant.");
  status->add_flag("--check", status_.check, "Exit with 1 unless all are running and healthy.");
  status->add_flag("--names", status_.names, "Print names only, one a line.");

  CLI::App* logs = verb(app_, "logs", "Print what a unit wrote.",
                        [this](const Context& c) { return run_logs(c, logs_); });
  logs->add_option("UNIT", logs_.unit, "Whose log.")->required();
  logs->add_flag("-f,--follow", logs_.follow, "Go on with each new line until Ctrl-C.");
  logs->add_option("-n,--lines", logs_.lines, "How many lines back; default 100.")
      ->type_name("N")
      ->check(at_most(api::kMaxLogLines));
  logs->add_flag("--plain", logs_.plain, "Without the times.");

  CLI::App* events = verb(app_, "events", "Print what happened.",
                          [this](const Context& c) { return run_events(c, events_); });
  events->add_option("--unit", events_.unit, "Only what happened to this unit.")->type_name("UNIT");
  events
      ->add_option("--since", events_.since,
                   "Only from this time on: 2026-11-22T22:08:01Z, or 90s, 10min, 2h, 1d ago.")
      ->type_name("TIME");
  events->add_option("-n,--limit", events_.limit, "At most the last N; default 100.")
      ->type_name("N")
      ->check(at_most(api::kMaxEvents));
  events
      ->add_option("--after", events_.after,
                   "Only what came after this event, all of it: to go on where you left off.")
      ->type_name("ID");
  events->add_flag("-f,--follow", events_.follow,
                   "Go on with each new event until Ctrl-C, over a restart of the daemon too.");

  CLI::App* why = verb(app_, "why", "Say why units were down, and what would have avoided it.",
                       [this](const Context& c) { return run_why(c, why_); });
  why->add_option("WHAT", why_.what, "A unit, \"host\", or the id of an event; default all units.");
  why->add_option("--since", why_.since,
                  "Only from this time on: 2026-11-22T22:08:01Z, or 90s, 10min, 2h, 1d ago; "
                  "default 30d.")
      ->type_name("TIME");
  why->add_option("--ledger", why_.ledger, "Read this file instead of asking the daemon.")
      ->type_name("FILE");

  CLI::App* updates =
      verb(app_, "updates", "Say which security updates wait, and what runs here needs them.",
           [this](const Context& c) { return run_updates(c, updates_); });
  updates->add_flag("-a,--all", updates_.all, "Also list the packages that nothing here uses.");

#ifdef NINES_WITH_UNIT_CHECK
  CLI::App* unit = app_.add_subcommand("unit", "Work on unit files.");
  unit->require_subcommand(1);
  CLI::App* check = verb(*unit, "check", "Say what each line of a unit file will do.",
                         [this](const Context& c) { return run_unit_check(c, unit_check_); });
  check->add_option("FILE", unit_check_.files, "Paths of unit files, or names of units.")
      ->required();
  check->add_flag("--user", unit_check_.user, "As a unit of an ordinary user.");
#endif
}

void CommandLine::add_act(api::Verb act_verb, const std::string& description) {
  CLI::App* added = verb(app_, std::string(to_string(act_verb)), description,
                         [this, act_verb](const Context& c) { return run_act(c, act_verb, act_); });
  const bool starts = act_verb == api::Verb::kStart || act_verb == api::Verb::kRestart;
  added
      ->add_option("UNIT", act_.units,
                   starts ? "Names, or paths of unit files (with a '/')." : "Names.")
      ->required();
  if (act_verb == api::Verb::kUnkeep || act_verb == api::Verb::kResetFailed) return;
  added->add_flag("--no-block", act_.no_block, "Return when it is begun, not when it is done.");
}

void CommandLine::add_moving() {
  CLI::App* keep = verb(app_, "keep", "Keep units up, now and after each boot; or one command.",
                        [this](const Context& c) { return run_keep(c, keep_); });
  keep->add_option("UNIT", keep_.units, "Names, or paths of unit files (with a '/').");
  keep->add_flag("-d,--detach", keep_.detach, "Return when the units are ready; they stay up.");
  add_act(api::Verb::kUnkeep, "Do not start units again after the next boot; leave them as is.");
  add_act(api::Verb::kStart, "Start units.");
  add_act(api::Verb::kStop, "Stop units: planned downtime begins.");
  add_act(api::Verb::kRestart, "Restart units; those that are stopped are started.");
  add_act(api::Verb::kReload, "Make units read their configuration again.");
  add_act(api::Verb::kRejuvenate, "Replace the processes of units by fresh ones, without a gap.");
  add_act(api::Verb::kResetFailed, "Forget that units failed, and their restart counters.");
}

void CommandLine::add_ledger() {
  const auto with_file = [this](CLI::App* added) {
    added->add_option("--ledger", ledger_.ledger, "This file instead of the daemon's.")
        ->type_name("FILE");
    return added;
  };
  with_file(verb(app_, "export", "Print the whole ledger, one JSON document a line.",
                 [this](const Context& c) { return run_export(c, ledger_); }));
  with_file(verb(app_, "import", "Take an export into the ledger: all of it, or nothing.",
                 [this](const Context& c) { return run_import(c, ledger_); }))
      ->add_option("FILE", ledger_.file, "What nines export printed; - for standard input.")
      ->required();
  CLI::App* ledger = app_.add_subcommand("ledger", "Look after the ledger's file.");
  ledger->require_subcommand(1);
  with_file(verb(*ledger, "check", "Say whether the ledger's file is sound.",
                 [this](const Context& c) { return run_ledger_check(c, ledger_); }));
  with_file(verb(*ledger, "repair", "Set a damaged ledger aside and save what can be read.",
                 [this](const Context& c) { return run_ledger_repair(c, ledger_); }));
}

void CommandLine::add_daemon() {
  CLI::App* daemon = app_.add_subcommand("daemon", "Look at the daemon, or upgrade it.");
  daemon->require_subcommand(1);
  verb(*daemon, "status", "Show the daemon and what this kernel lets it do.", &run_daemon_status);
  verb(*daemon, "reexec", "Replace the daemon by the installed program; units run on.",
       &run_daemon_reexec);
}

void CommandLine::add_help() {
  CLI::App* help = verb(app_, "help", "Print help, or the manual page.",
                        [this](const Context& c) { return run_help(c); });
  help->add_option("VERB", help_verb_, "On this verb only.");
  help->add_flag("--man", help_man_, "As manual pages in roff; without a verb, all of them.");
  verb(app_, "completion", "Print completion for a shell, to be sourced.",
       [this](const Context& c) {
         c.out << (shell_ == "zsh" ? zsh_completion(table()) : bash_completion(table()));
         return ExitCode::kOk;
       })
      ->add_option("SHELL", shell_, "bash or zsh; default bash.")
      ->check(one_of({"bash", "zsh"}));
}

void CommandLine::parse(std::vector<std::string> arguments) {
  // What follows "keep ... --" is a command with options of its own, not units.
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (std::find(arguments.begin(), dashes, "keep") != dashes && dashes != arguments.end()) {
    keep_.command.assign(dashes + 1, arguments.end());
    arguments.erase(dashes, arguments.end());
  }
  // "nines app.unplanned" is short for "nines cell app.unplanned".
  const auto first = arguments.begin() + static_cast<std::ptrdiff_t>(first_word(arguments));
  if (first != arguments.end() && matrix::cell_from(*first)) arguments.insert(first, "cell");
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  app_.parse(std::move(arguments));
}

std::string CommandLine::parsed_verb() const {
  std::string name;
  for (const CLI::App* level = &app_;;) {
    const auto parsed = level->get_subcommands();
    if (parsed.empty()) return name;
    level = parsed.front();
    name += (name.empty() ? "" : " ") + level->get_name();
  }
}

bool CommandLine::is_paged() const {
  if (json_ || no_pager_ || logs_.follow || events_.follow) return false;
  static constexpr std::array<std::string_view, 13> kShowing = {
      "",     "cell",          "status",     "logs",       "events",  "why",       "unit check",
      "help", "daemon status", "crash list", "crash show", "updates", "patch list"};
  return std::find(kShowing.begin(), kShowing.end(), parsed_verb()) != kShowing.end();
}

ExitCode CommandLine::run(std::ostream& out, std::ostream& err, Terminal terminal,
                          Terminal err_terminal) {
  terminal.colours = terminal.colours && !no_color_;
  err_terminal.colours = err_terminal.colours && !no_color_;
  return run_(Context{runtime_dir_, json_, terminal, out, err, err_terminal});
}

/// Calls `print` with a stream that goes to a pager, where one is wanted; else with `out`.
ExitCode print_paged(bool wanted, std::ostream& out, const Terminal& terminal,
                     const std::function<ExitCode(std::ostream&)>& print) {
  std::string command;
  if (wanted && terminal.is_terminal && !terminal.dumb) command = Pager::command_by_environment();
  if (command.empty()) return print(out);
  Pager pager(out, terminal, std::move(command));
  std::ostream paged(&pager);
  const ExitCode code = print(paged);
  pager.finish();
  return code;
}

ExitCode CommandLine::run_help(const Context& context) {
  const CommandTable all = table();
  if (help_verb_.empty()) {
    context.out << (help_man_ ? manual_page(all) : help_text(all));
    if (help_man_) {
      for (const VerbEntry& entry : all.verbs) context.out << manual_page(all, entry);
    }
    return ExitCode::kOk;
  }
  const std::string wanted = fmt::format("{}", fmt::join(help_verb_, " "));
  bool found = false;
  for (const VerbEntry& entry : all.verbs) {
    // "help daemon" shows each verb of the daemon.
    if (entry.name != wanted && entry.name.rfind(wanted + ' ', 0) != 0) continue;
    if (found && !help_man_) context.out << '\n';
    context.out << (help_man_ ? manual_page(all, entry) : help_text(all, entry));
    found = true;
  }
  if (found) return ExitCode::kOk;
  context.err << unknown_verb_message(all, wanted);
  return ExitCode::kUsage;
}

CommandTable CommandLine::table() {
  CommandTable table;
  table.globals = describe_options(app_);
  describe_verbs(app_, "", table.verbs);
  return table;
}

ExitCode print_help(CommandLine& line, std::ostream& out) {
  const CommandTable table = line.table();
  const std::string verb = line.parsed_verb();
  bool found = false;
  for (const VerbEntry& entry : table.verbs) {
    if (verb.empty() || (entry.name != verb && entry.name.rfind(verb + ' ', 0) != 0)) continue;
    out << (found ? "\n" : "") << help_text(table, entry);
    found = true;
  }
  if (!found) out << help_text(table);
  return ExitCode::kOk;
}

}  // namespace

CommandTable command_table() {
  CommandLine line;
  return line.table();
}

ExitCode run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err,
             const Terminal& terminal, const Terminal& err_terminal) {
  CommandLine line;
  try {
    line.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return print_paged(true, out, terminal,
                       [&](std::ostream& paged) { return print_help(line, paged); });
  } catch (const CLI::CallForVersion& version) {
    out << version.what() << '\n';
    return ExitCode::kOk;
  } catch (const CLI::ParseError& error) {
    err << usage_message(line.table(), line.parsed_verb(), arguments, error.what());
    return ExitCode::kUsage;
  }
  return print_paged(line.is_paged(), out, terminal, [&](std::ostream& paged) {
    return line.run(paged, err, terminal, err_terminal);
  });
}

}  // namespace nines::cli
