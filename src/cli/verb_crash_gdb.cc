// nines crash gdb: the core, the executable that it is of, and the libraries as they were.
#include <fmt/format.h>

#include <map>
#include <optional>

#include "app/crash/kept_files.h"
#include "cli/crash_places.h"
#include "cli/crash_verbs.h"
#include "cli/foreground.h"
#include "cli/link_tree.h"
#include "sys/file.h"
#include "sys/own_program.h"
#include "sys/spawn.h"

namespace nines::cli {
namespace {

constexpr const char* kCore = "/proc/self/fd/3";  // as run_in_foreground() hands it over
constexpr int kBySignal = 128;                    // as a shell tells it

/// Path of then -> where that file is now.
std::map<std::string, std::string> kept_by_path(const crash::KeptCrash& crash) {
  std::map<std::string, std::string> kept;
  if (const auto files = crash::read_kept_files(crash.directory)) {
    for (const crash::KeptFile& file : *files) {
      if (!file.name.empty()) kept[file.path] = crash.directory + "/" + file.name;
    }
  }
  return kept;
}

/// gdb takes libraries from their paths, also where something else is there by now: a root of its
/// own, in which what was kept is at its place.
Status fill(const LinkTree& root, const crash::KeptCrash& crash,
            const std::map<std::string, std::string>& kept) {
  NINES_ASSIGN(const auto paths, crash::mapped_paths(crash));
  for (const std::string& path : paths) {
    const std::string then = sys::without_deleted_mark(path);
    const auto at = kept.find(then);
    if (at == kept.end() && !sys::exists(then)) continue;
    const Status added = root.add(then, at == kept.end() ? then : at->second);
    if (!added && added.error().code() != ErrorCode::kExists) return added;
  }
  return {};
}

/// Of one whose core the kernel wrote by itself, no facts were taken.
std::optional<std::string> executable_of(const crash::KeptCrash& crash) {
  if (const auto fact = crash::fact_of(crash, "executable")) return *fact;
  const auto diagnosis = crash::read_diagnosis(crash);
  if (!diagnosis || diagnosis->modules.empty()) return std::nullopt;
  return diagnosis->modules.front().path;
}

Result<sys::ExitStatus> debug(const crash::KeptCrash& crash, const std::string& gdb,
                              const std::vector<std::string>& arguments) {
  NINES_ASSIGN(const UniqueFd core, open_core_of(crash));
  ForegroundProgram run;
  run.path = gdb;
  run.pass_fds = {core.get()};
  run.arguments = {"-q"};
  const auto kept = kept_by_path(crash);
  NINES_ASSIGN(const LinkTree root, LinkTree::make());
  if (!kept.empty()) {
    NINES_TRY(fill(root, crash, kept));
    run.arguments.insert(run.arguments.end(), {"-iex", "set sysroot " + root.path()});
  }
  run.arguments.insert(run.arguments.end(), arguments.begin(), arguments.end());
  if (const auto executable = executable_of(crash)) {
    const std::string path = sys::without_deleted_mark(*executable);
    const auto at = kept.find(path);
    const std::string& now = at == kept.end() ? path : at->second;
    if (sys::exists(now)) run.arguments.push_back(now);
  }
  run.arguments.insert(run.arguments.end(), {"-c", kCore});
  return run_in_foreground(run);
}

}  // namespace

ExitCode run_crash_gdb(const Context& context, const CrashGdbOptions& options) {
  const auto crash = find_crash(crash_places(context), options.id);
  if (!crash) return report(context, crash.error());
  const auto gdb = sys::find_executable("gdb");
  if (!gdb) {
    return report(context, Error(ErrorCode::kUnsupported, "find", "gdb")
                               .with_detail("it is not installed")
                               .with_hint("apt-get install gdb; nines crash show needs none"));
  }
  context.out.flush();
  const auto ended = debug(*crash, *gdb, options.arguments);
  if (!ended) return report(context, ended.error());
  if (ended->success()) return ExitCode::kOk;
  return static_cast<ExitCode>(ended->by_signal() ? kBySignal + ended->value : ended->value);
}

}  // namespace nines::cli
