#include "cli/patch_command.h"

namespace nines::cli {

void PatchCommand::add(CLI::App& app, const AddVerb& verb) {
  CLI::App* patch =
      app.add_subcommand("patch", "Mend running programs: make, apply and revert live patches.");
  patch->require_subcommand(1);

  CLI::App* build = verb(*patch, "build", "Make a live patch of a source tree and a fix.",
                         [this](const Context& c) { return run_patch_build(c, build_); });
  build->add_option("--source", build_.source, "The source as the program was made of it; copied.")
      ->type_name("DIR")
      ->required();
  build->add_option("--diff", build_.diff, "The fix, for patch -p1 in the source.")
      ->type_name("FILE")
      ->required();
  build
      ->add_option("--build", build_.command,
                   "How the source is built, for sh -c in it; from nothing.")
      ->type_name("COMMAND")
      ->required();
  build->add_option("-o,--output", build_.output, "The patch; usually named .nlp.")
      ->type_name("FILE")
      ->required();
  build
      ->add_option(
          "--binary", build_.binaries,
          "What is to be patched, stripped or not, as /usr/bin/redis-server; default what the "
          "build links. May be given several times.")
      ->type_name("FILE");
  build->add_option("--name", build_.name, "Of the patch; default that of the diff.")
      ->type_name("NAME");
  build->add_option("--cve", build_.cve, "The vulnerability that it mends.")->type_name("ID");
  build->add_flag("--force", build_.force, "Replace the output if it is there.");

  CLI::App* inspect =
      verb(*patch, "inspect", "Say what a live patch changes, and in which programs.",
           [this](const Context& c) { return run_patch_inspect(c, inspect_); });
  inspect->add_option("FILE", inspect_.file, "A patch.")->required();
  add_processes(*patch, verb);
}

void PatchCommand::add_processes(CLI::App& patch, const AddVerb& verb) {
  CLI::App* apply = verb(patch, "apply", "Apply a live patch to running processes.",
                         [this](const Context& c) { return run_patch_apply(c, apply_); });
  apply->add_option("FILE", apply_.file, "A patch.")->required();
  apply->add_option("--pid", apply_.pids, "To this process; may be given several times.")
      ->type_name("PID");
  apply->add_flag("--all", apply_.all, "To each process that runs what the patch is for.");
  apply->add_flag("--dry-run", apply_.dry_run, "Only say which processes that are.");
  apply->add_flag("--unsigned", apply_.allow_unsigned, "Take a patch that has no signature.");
  apply
      ->add_option("--within", apply_.within_s,
                   "Try so many seconds until no thread is in what changes; default 10.")
      ->type_name("SECONDS");

  verb(patch, "list", "List the live patches of all processes.", &run_patch_list);

  CLI::App* revert = verb(patch, "revert", "Put back the code that was there before a live patch.",
                          [this](const Context& c) { return run_patch_revert(c, revert_); });
  revert->add_option("NAME", revert_.name, "Of the patch, as nines patch list shows it.")
      ->required();
  revert->add_option("--pid", revert_.pids, "In this process; may be given several times.")
      ->type_name("PID");
  revert->add_flag("--all", revert_.all, "In each process that has it.");
  revert
      ->add_option("--within", revert_.within_s,
                   "Try so many seconds until no thread is in the new code; default 10.")
      ->type_name("SECONDS");
}

}  // namespace nines::cli
