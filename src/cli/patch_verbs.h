// The verbs of nines patch: what each is told, and where it is done.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/exit_code.h"

namespace nines::cli {

struct PatchBuildOptions {
  std::string source, diff, command, output;
  std::vector<std::string> binaries;
  std::string name, cve;
  bool force = false;
};
ExitCode run_patch_build(const Context& context, const PatchBuildOptions& options);

struct PatchInspectOptions {
  std::string file;
};
ExitCode run_patch_inspect(const Context& context, const PatchInspectOptions& options);

}  // namespace nines::cli
