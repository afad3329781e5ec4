#include "cli/patch_command.h"

namespace nines::cli {

void PatchCommand::add(CLI::App& app, const AddVerb& verb) {
  CLI::App* patch = app.add_subcommand("patch", "Make live patches of fixes.");
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
}

}  // namespace nines::cli
