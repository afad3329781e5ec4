#include "daemon/stack_recording.h"

#include <fmt/format.h>

#include "daemon/stack_helper.h"
#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::daemon {
namespace {

std::string one_line(const std::string& path) {
  auto text = sys::read_file(path);
  if (!text) return "?";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

Result<std::string> describe(const ProcessId& process) {
  const sys::Procfs proc;
  if (!proc.is_running(process)) {
    return Error(ErrorCode::kGone, "record stacks of process", std::to_string(process.pid));
  }
  NINES_ASSIGN(const auto threads, proc.threads(process.pid));
  std::string text = fmt::format("process {} at {}\n", process.pid, to_iso8601(utc_now()));
  for (const pid_t thread : threads) {
    const std::string base = fmt::format("/proc/{}/task/{}/", process.pid, thread);
    const auto stat = proc.stat(thread);
    text += fmt::format("\nthread {} ({}), state {}\n", thread, one_line(base + "comm"),
                        stat ? std::string(1, stat->state) : "?");
    text += fmt::format("  waits in {}\n  system call {}\n", one_line(base + "wchan"),
                        one_line(base + "syscall"));
    if (const auto kernel = sys::read_file(base + "stack")) text += *kernel;
  }
  return text;
}

}  // namespace

supervise::StackRecorder make_stack_recorder(sys::EventLoop& loop, std::string directory,
                                             std::string helper) {
  return [&loop, directory = std::move(directory), helper = std::move(helper)](
             const std::string& unit, const ProcessId& process,
             std::function<void(Result<std::string>)> done) {
    const std::string path = directory + "/" + unit + ".stacks";
    auto text = describe(process);
    if (!text) {
      loop.post([done = std::move(done), error = std::move(text.error())] { done(error); });
      return;
    }
    run_stack_helper(
        loop, helper, process,
        [path, kernel = std::move(*text), done = std::move(done)](const std::string& user) {
          Status written = sys::replace_file(path, kernel + "\n" + user, 0600);
          done(written ? Result<std::string>(path) : std::move(written.error()));
        });
  };
}

}  // namespace nines::daemon
