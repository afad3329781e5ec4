// The verbs of nines crash: what each is told, and where it is done.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/exit_code.h"

namespace nines::cli {

struct CrashSetupOptions {
  bool dry_run = false;
  bool undo = false;
  bool pipe = false;
  std::string others = "capture";
};
ExitCode run_crash_setup(const Context& context, const CrashSetupOptions& options);

struct CrashListOptions {
  std::string unit;
  std::string since;  ///< a time, or a duration before now
};
ExitCode run_crash_list(const Context& context, const CrashListOptions& options);

struct CrashShowOptions {
  std::string id = "latest";
  std::string core;  ///< any core instead
  bool full = false;
};
ExitCode run_crash_show(const Context& context, const CrashShowOptions& options);

struct CrashGdbOptions {
  std::string id;
  std::vector<std::string> arguments;  ///< for gdb
};
ExitCode run_crash_gdb(const Context& context, const CrashGdbOptions& options);

struct CrashExportOptions {
  std::string id, file;
  bool force = false;
};
ExitCode run_crash_export(const Context& context, const CrashExportOptions& options);

struct CrashForgetOptions {
  std::vector<std::string> ids;
  std::string signature;
  std::string before;  ///< a time, or a duration before now
  bool all = false;
  bool dry_run = false;
};
ExitCode run_crash_forget(const Context& context, const CrashForgetOptions& options);

struct CrashNoteOptions {
  std::string signature;
  std::vector<std::string> note, fix;  ///< at most one each; an empty text removes it
};
ExitCode run_crash_note(const Context& context, const CrashNoteOptions& options);

}  // namespace nines::cli
