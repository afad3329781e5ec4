// The verbs of nines patch: what each is told, and where it is done.
#pragma once

#include <sys/types.h>

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

struct PatchApplyOptions {
  std::string file;
  std::vector<pid_t> pids;
  bool all = false, dry_run = false, allow_unsigned = false;
  double within_s = 10;
};
ExitCode run_patch_apply(const Context& context, const PatchApplyOptions& options);

ExitCode run_patch_list(const Context& context);

struct PatchRevertOptions {
  std::string name;
  std::vector<pid_t> pids;
  bool all = false;
  double within_s = 10;
};
ExitCode run_patch_revert(const Context& context, const PatchRevertOptions& options);

}  // namespace nines::cli
