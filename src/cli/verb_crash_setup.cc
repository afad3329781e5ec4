#include <fmt/format.h>

#include <signal.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): realpath is not in <cstdlib>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/crash/crash_directory.h"
#include "app/crash/hook.h"
#include "app/crash/outcome.h"
#include "app/crash/places.h"
#include "cli/crash_places.h"
#include "cli/crash_verbs.h"
#include "cli/text_width.h"

#include "sys/file.h"
#include "sys/own_program.h"

namespace nines::cli {
namespace {

using crash::Hook;

constexpr std::chrono::seconds kPatience{15};

std::string real_path(const std::string& path) {
  char* const found = ::realpath(path.c_str(), nullptr);
  if (found == nullptr) return path;
  std::string result = found;
  ::free(found);
  return result;
}

crash::HookPaths paths_of(const Context& context) {
  const std::string self = sys::own_program().value_or(std::string());
  // The kernel follows no link on the way to a socket.
  return {real_path(context.runtime_dir), real_path(state_dir_of(context.runtime_dir)),
          sys::beside(self, "nines-crash-pipe")};
}

bool kernel_has_core_sockets() {
  utsname name{};
  int major = 0, minor = 0;
  if (::uname(&name) != 0) return false;
  // NOLINTNEXTLINE(cert-err34-c): what is no number leaves 0
  if (std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 17);
}

/// Crashes a child of ours. @return its pid, when it has ended.
Result<pid_t> crash_once() {
  const pid_t child = ::fork();
  if (child < 0) return Error::from_errno(errno, "fork");
  if (child == 0) {
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_CORE, &all);
    ::signal(SIGSEGV, SIG_DFL);
    (void)::raise(SIGSEGV);
    ::_exit(0);
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return child;
}

/// @return the directory in which that process was kept, or empty.
std::string find_capture(const std::string& store, pid_t pid) {
  const auto names = sys::list_directory(store);
  if (!names) return {};
  for (const std::string& name : *names) {
    if (name.ends_with(crash::kPartSuffix)) continue;
    const std::string directory = store + "/" + name;
    const auto text = sys::read_file(directory + "/capture.json", Bytes{crash::kMaxOutcome});
    const auto outcome = text ? crash::decode_outcome(*text) : std::nullopt;
    if (outcome && outcome->pid == pid) return directory;
  }
  return {};
}

/// A crash, from the kernel to the disk. What it leaves there is removed again.
Status try_out(const crash::HookPaths& paths) {
  NINES_ASSIGN(const pid_t pid, crash_once());
  const std::string store = crash::store_path(paths.state_dir);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (const std::string kept = find_capture(store, pid); !kept.empty()) {
      crash::remove_crash(kept);
      return {};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return Error(ErrorCode::kTimeout, "try out a crash")
      .with_detail(fmt::format("process {} crashed, and nothing of it came to {}", pid, store))
      .with_hint(
          "the kernel's log (dmesg) and nines events may say why; nines crash setup --pipe "
          "does it another way");
}

struct Told {
  std::string action, former, now, others;
  bool altered = false;
};

ExitCode print(const Context& context, const Told& result, const std::string& text) {
  if (context.json) {
    context.out << nlohmann::json({{"action", result.action},
                                   {"former", result.former},
                                   {"pattern", result.now},
                                   {"others", result.others},
                                   {"altered", result.altered}})
                       .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                << '\n';
  } else {
    context.out << text;
  }
  return ExitCode::kOk;
}

ExitCode undo(const Context& context, const crash::HookPaths& paths, bool dry_run) {
  const auto record = crash::read_hook_record(paths.state_dir);
  const auto now = crash::read_pattern();
  if (!now) return report(context, now.error());
  if (!record && record.error().code() == ErrorCode::kNotFound) {
    return print(context, {"none", *now, *now, "", false},
                 fmt::format("nothing to undo: core_pattern is {}\n", printable(*now)));
  }
  if (!record) return report(context, record.error());
  const bool ours = *now == record->installed;
  const std::string former = printable(record->former);
  if (dry_run) {
    return print(context, {"undo", record->former, *now, "", false},
                 ours ? fmt::format("would write to core_pattern: {}\n", former)
                      : fmt::format("core_pattern is {}, which somebody else has set; would leave "
                                    "it and forget the former one, {}\n",
                                    printable(*now), former));
  }
  if (ours) {
    if (const Status written = crash::write_pattern(record->former); !written) {
      return report(context, written.error());
    }
  }
  // Last: killed before this, the next undo does the same again.
  if (const Status removed = crash::remove_hook_record(paths.state_dir); !removed) {
    return report(context, removed.error());
  }
  return print(context, {"undo", record->former, ours ? record->former : *now, "", ours},
               ours
                   ? fmt::format("core_pattern is {} again\n", former)
                   : fmt::format("core_pattern is {}, which somebody else has set: left as it is\n",
                                 printable(*now)));
}

/// @return why the hook does not work; then core_pattern is as it was.
Status install(const crash::HookPaths& paths, const crash::HookRecord& record,
               const std::optional<crash::HookRecord>& before, const std::string& now) {
  // First: whatever ends us, the former one is known. What is tried out is kept here, not given
  // away.
  crash::HookRecord trial = record;
  trial.others = crash::Others::kCapture;
  NINES_TRY(crash::save_hook_record(paths.state_dir, trial));
  Status works = crash::write_pattern(record.installed);
  if (works) works = try_out(paths);
  if (works) works = crash::save_hook_record(paths.state_dir, record);
  if (works) return {};
  const auto left = crash::read_pattern();
  const bool altered = !left || *left != now;
  if (const Status restored = altered ? crash::write_pattern(now) : Status(); !restored) {
    return Error(works.error())
        .with_hint(
            fmt::format("core_pattern could not be given back either: write \"{}\" to it", now));
  }
  NINES_TRY(before ? crash::save_hook_record(paths.state_dir, *before)
                   : crash::remove_hook_record(paths.state_dir));
  return works;
}

}  // namespace

ExitCode run_crash_setup(const Context& context, const CrashSetupOptions& options) {
  const crash::HookPaths paths = paths_of(context);
  if (options.undo) return undo(context, paths, options.dry_run);
  const auto now = crash::read_pattern();
  if (!now) return report(context, now.error());
  const auto known = crash::read_hook_record(paths.state_dir);
  if (!known && known.error().code() != ErrorCode::kNotFound &&
      known.error().code() != ErrorCode::kDenied) {
    return report(context, known.error());
  }
  const Hook hook = options.pipe || !kernel_has_core_sockets() ? Hook::kPipe : Hook::kSocket;
  const auto pattern = crash::pattern_for(hook, paths);
  if (!pattern) return report(context, pattern.error());
  const bool there = known && *now == known->installed;
  if (!known && (now->starts_with("@@" + crash::core_socket_path(paths.runtime_dir)) ||
                 now->starts_with("|" + paths.pipe_helper + " "))) {
    return report(context,
                  Error(ErrorCode::kNotFound, "read", crash::hook_record_path(paths.state_dir))
                      .with_detail("core_pattern is ours, and what it was is not known")
                      .with_hint("write your distribution's to core_pattern, then again"));
  }
  const crash::HookRecord record = {
      there ? known->former : *now, *pattern,
      options.others == "former" ? crash::Others::kFormer : crash::Others::kCapture};
  const Told result = {"setup", record.former, *pattern, std::string(to_string(record.others)),
                       !options.dry_run};
  const std::string former = printable(record.former);
  if (options.dry_run) {
    return print(
        context, result,
        fmt::format("would save the former core_pattern, {}, in {}\n"
                    "would write to core_pattern: {}\n"
                    "would try it out with a crash, and give the former back if it fails\n"
                    "crashes of other programs: {}\n",
                    former, crash::hook_record_path(paths.state_dir), *pattern, result.others));
  }
  if (::geteuid() != 0) {
    return report(context, Error(ErrorCode::kDenied, "set core_pattern")
                               .with_detail("it is the whole machine's")
                               .with_hint("run it with sudo"));
  }
  if (hook == Hook::kSocket) {
    // With nobody behind it every crash would be lost.
    if (auto client = reach_daemon(context); !client) return client.error();
  }
  const Status installed =
      install(paths, record, known ? std::optional(*known) : std::nullopt, *now);
  if (!installed) return report(context, installed.error());
  return print(context, result,
               fmt::format("core_pattern is {}\n  a crash was tried out and kept\n"
                           "  before: {} (nines crash setup --undo)\n"
                           "  crashes of other programs: {}\n",
                           *pattern, former, result.others));
}

}  // namespace nines::cli
