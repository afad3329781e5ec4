// The command line of nines patch.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "cli/patch_verbs.h"

namespace nines::cli {

/// What the parser writes into. Not movable: CLI11 holds addresses.
class PatchCommand {
 public:
  using Run = std::function<ExitCode(const Context&)>;
  /// Adds a verb, as CommandLine does.
  using AddVerb = std::function<CLI::App*(CLI::App& parent, const std::string& name,
                                          const std::string& description, Run run)>;

  PatchCommand() = default;
  PatchCommand(const PatchCommand&) = delete;
  PatchCommand& operator=(const PatchCommand&) = delete;

  void add(CLI::App& app, const AddVerb& verb);

 private:
  void add_processes(CLI::App& patch, const AddVerb& verb);

  PatchBuildOptions build_;
  PatchInspectOptions inspect_;
  PatchApplyOptions apply_;
  PatchRevertOptions revert_;
};

}  // namespace nines::cli
