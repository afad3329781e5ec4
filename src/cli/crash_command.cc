#include "cli/crash_command.h"

namespace nines::cli {
namespace {

constexpr const char* kRequiredId = "An id, the beginning of one, or latest.";
constexpr const char* kId = "An id, the beginning of one, or latest; default latest.";

}  // namespace

void CrashCommand::add(CLI::App& app, const AddVerb& verb) {
  CLI::App* crash = app.add_subcommand("crash", "Keep what tells of a crash, and look at it.");
  crash->require_subcommand(1);
  add_looking(*crash, verb);
  add_altering(*crash, verb);
  add_setup(*crash, verb);
}

void CrashCommand::add_looking(CLI::App& crash, const AddVerb& verb) {
  CLI::App* list = verb(crash, "list", "List the crashes that are kept, the newest first.",
                        [this](const Context& c) { return run_crash_list(c, list_); });
  list->add_option("--unit", list_.unit, "Only of this unit, or of a program that is of none.")
      ->type_name("UNIT");
  list->add_option("--since", list_.since,
                   "Only from this time on: 2026-11-22T22:08:01Z, or 90s, 10min, 2h, 1d ago.")
      ->type_name("TIME");

  CLI::App* show = verb(crash, "show", "Say why a process crashed, and where its threads were.",
                        [this](const Context& c) { return run_crash_show(c, show_); });
  show->add_option("ID", show_.id, kId);
  show->add_flag("--full", show_.full, "All threads, registers and files.");
  show->add_option("--core", show_.core, "Any core instead, whoever wrote it; packed by zstd, too.")
      ->type_name("FILE");

  CLI::App* gdb = verb(crash, "gdb", "Open a crash in gdb, with the files that belong to it.",
                       [this](const Context& c) { return run_crash_gdb(c, gdb_); });
  gdb->add_option("ID", gdb_.id, kRequiredId)->required();
  gdb->add_option("ARGUMENT", gdb_.arguments, "For gdb, behind --.");
}

void CrashCommand::add_altering(CLI::App& crash, const AddVerb& verb) {
  CLI::App* out = verb(crash, "export", "Write a crash into one file, to be looked at elsewhere.",
                       [this](const Context& c) { return run_crash_export(c, export_); });
  out->add_option("ID", export_.id, kRequiredId)->required();
  out->add_option("FILE", export_.file, "Ends in .tar, or in .tar.zst to have it packed.")
      ->required();
  out->add_flag("--force", export_.force, "Replace the file if it is there.");

  CLI::App* forget = verb(crash, "forget", "Remove crashes that are kept.",
                          [this](const Context& c) { return run_crash_forget(c, forget_); });
  forget->add_option("ID", forget_.ids, "Ids, or beginnings of ids.");
  forget
      ->add_option("--signature", forget_.signature,
                   "All with this signature, and what is known of it.")
      ->type_name("SIGNATURE");
  forget
      ->add_option("--before", forget_.before,
                   "All before this time: 2026-11-22T22:08:01Z, or 90s, 10min, 2h, 1d ago.")
      ->type_name("TIME");
  forget->add_flag("--all", forget_.all, "All of them.");
  forget->add_flag("--dry-run", forget_.dry_run, "Say which, and remove nothing.");

  CLI::App* note = verb(crash, "note", "Write down what is known of a signature.",
                        [this](const Context& c) { return run_crash_note(c, note_); });
  note->add_option("SIGNATURE", note_.signature, "As nines crash show prints it, or its beginning.")
      ->required();
  note->add_option("TEXT", note_.note, "The note; an empty one removes it.")->expected(0, 1);
  note->add_option("--fix", note_.fix, "What mends it: a link, a version; empty removes it.")
      ->type_name("TEXT")
      ->expected(1);
}

void CrashCommand::add_setup(CLI::App& crash, const AddVerb& verb) {
  CLI::App* setup = verb(crash, "setup", "Have the kernel announce crashes to the daemon.",
                         [this](const Context& c) { return run_crash_setup(c, setup_); });
  setup->add_flag("--dry-run", setup_.dry_run, "Say what would be done, and do nothing.");
  setup->add_flag("--undo", setup_.undo, "Give core_pattern the value back that it had.");
  setup->add_flag("--pipe", setup_.pipe,
                  "By a program that the kernel starts, which works without the daemon too.");
  CLI::Validator others = CLI::IsMember(std::vector<std::string>{"capture", "former"});
  others.description("");  // CLI11 would append it to the option's name in the help
  setup
      ->add_option("--others", setup_.others,
                   "What becomes of crashed programs that are of no unit: capture, or former for "
                   "the handler that was there before; default capture.")
      ->type_name("WHAT")
      ->check(others);
}

}  // namespace nines::cli
