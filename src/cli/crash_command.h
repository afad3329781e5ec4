// The command line of nines crash.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "cli/crash_verbs.h"

namespace nines::cli {

/// What the parser writes into. Not movable: CLI11 holds addresses.
class CrashCommand {
 public:
  using Run = std::function<ExitCode(const Context&)>;
  /// Adds a verb, as CommandLine does.
  using AddVerb = std::function<CLI::App*(CLI::App& parent, const std::string& name,
                                          const std::string& description, Run run)>;

  CrashCommand() = default;
  CrashCommand(const CrashCommand&) = delete;
  CrashCommand& operator=(const CrashCommand&) = delete;

  void add(CLI::App& app, const AddVerb& verb);

 private:
  void add_setup(CLI::App& crash, const AddVerb& verb);
  void add_looking(CLI::App& crash, const AddVerb& verb);
  void add_altering(CLI::App& crash, const AddVerb& verb);

  CrashSetupOptions setup_;
  CrashListOptions list_;
  CrashShowOptions show_;
  CrashGdbOptions gdb_;
  CrashExportOptions export_;
  CrashForgetOptions forget_;
  CrashNoteOptions note_;
};

}  // namespace nines::cli
