#include "trace/attachment.h"

#include <poll.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "sys/procfs.h"

namespace nines::trace {
namespace {

// Each thread costs a copy of its stack; a process with more than this gets a part of them.
constexpr std::size_t kMaxThreads = 1024;
constexpr int kMaxPasses = 64;

}  // namespace

Result<Attachment> Attachment::attach(const ProcessId& process, BootTime deadline) {
  Attachment attachment;
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    NINES_ASSIGN(const bool found_new, attachment.seize_new(process.pid));
    if (!found_new || !attachment.wait_for_stops(deadline)) break;
  }
  // Only now can the pid no longer be given to another process behind our back.
  if (attachment.threads_.empty() || !sys::Procfs().is_running(process)) {
    return Error(ErrorCode::kGone, "attach to process", std::to_string(process.pid));
  }
  return attachment;
}

Attachment::~Attachment() {
  for (const auto& [thread, state] : threads_) {
    if (!state.stopped) continue;
    // Fails only when the thread was killed meanwhile, and then there is nothing to give back.
    ::ptrace(PTRACE_DETACH, thread, nullptr, static_cast<long>(state.signal));
  }
}

bool Attachment::stopped(pid_t thread) const {
  const auto found = threads_.find(thread);
  return found != threads_.end() && found->second.stopped;
}

std::vector<pid_t> Attachment::threads() const {
  std::vector<pid_t> result;
  for (const auto& [thread, state] : threads_) result.push_back(thread);
  return result;
}

/// @return true if there were threads that were not seized yet.
Result<bool> Attachment::seize_new(pid_t process) {
  NINES_ASSIGN(const auto current, sys::Procfs().threads(process));
  bool found_new = false;
  for (const pid_t thread : current) {
    if (threads_.size() >= kMaxThreads) break;
    if (threads_.contains(thread)) continue;
    if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
      // A thread may end, or be a zombie leader, while the process goes on.
      if (errno == ESRCH || (errno == EPERM && !threads_.empty())) continue;
      const int seize_errno = errno;
      const auto stat = sys::Procfs().stat(thread);
      if (stat && stat->state == 'Z') continue;
      return Error::from_errno(seize_errno, "seize thread", std::to_string(thread));
    }
    threads_.emplace(thread, Thread{});
    ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
    found_new = true;
  }
  return found_new;
}

/// @return false if the deadline passed first.
bool Attachment::wait_for_stops(BootTime deadline) {
  for (;;) {
    bool all = true;
    for (auto it = threads_.begin(); it != threads_.end();) {
      const auto thread = it++;
      if (thread->second.stopped) continue;
      int status = 0;
      const pid_t got = ::waitpid(thread->first, &status, __WALL | WNOHANG);
      if (got < 0 && errno == ECHILD) {
        threads_.erase(thread);
      } else if (got > 0) {
        note_status(thread, status);
      } else {
        all = false;
      }
    }
    if (all) return true;
    if (boot_now() > deadline) return false;
    ::poll(nullptr, 0, 1);
  }
}

void Attachment::note_status(std::map<pid_t, Thread>::iterator thread, int status) {
  if (!WIFSTOPPED(status)) {
    threads_.erase(thread);
    return;
  }
  thread->second.stopped = true;
  // PTRACE_EVENT_STOP is our interrupt or a group stop: nothing was taken. Everything else is a
  // signal on its way.
  const bool event_stop = (status >> 16) == PTRACE_EVENT_STOP;
  thread->second.signal = event_stop ? 0 : WSTOPSIG(status);
}

}  // namespace nines::trace
