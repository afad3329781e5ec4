#include "trace/attachment.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>

#include "sys/procfs.h"
#include "trace/interrupted_call.h"
#include "trace/stop_wait.h"

namespace nines::trace {
namespace {

// Each thread costs a copy of its stack; a process with more than this gets a part of them.
constexpr std::size_t kMaxThreads = 1024;
constexpr int kMaxPasses = 64;

/// A thread that is killed while it is traced stays a zombie until its tracer has looked, and its
/// process's parent hears of nothing before. One that cannot die yet is left to our own end.
void reap(std::vector<pid_t> threads) {
  const StopSignal told;
  const BootTime deadline = boot_now() + std::chrono::seconds(1);
  while (!threads.empty() && boot_now() < deadline) {
    const auto left = std::remove_if(threads.begin(), threads.end(), [](pid_t thread) {
      int status = 0;
      const pid_t got = ::waitpid(thread, &status, __WALL | WNOHANG);
      return got < 0 || (got > 0 && !WIFSTOPPED(status));
    });
    threads.erase(left, threads.end());
    if (!threads.empty()) told.wait(std::chrono::milliseconds(5));
  }
}

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
  release();
}

Nanoseconds Attachment::release() {
  if (threads_.empty()) return {};
  for (const auto& [thread, state] : threads_) {
    if (state.stopped && state.signal == 0) restart_interrupted_call(thread);
  }
  std::vector<pid_t> killed;
  for (const auto& [thread, state] : threads_) {
    if (!state.stopped) continue;
    if (::ptrace(PTRACE_DETACH, thread, nullptr, static_cast<long>(state.signal)) != 0) {
      killed.push_back(thread);
    }
  }
  const Nanoseconds held = boot_now() - begun_;
  threads_.clear();
  reap(std::move(killed));
  return held;
}

bool Attachment::stopped(pid_t thread) const {
  const auto found = threads_.find(thread);
  return found != threads_.end() && found->second.stopped;
}

bool Attachment::all_stopped() const {
  return std::all_of(threads_.begin(), threads_.end(),
                     [](const auto& entry) { return entry.second.stopped; });
}

std::vector<pid_t> Attachment::threads() const {
  std::vector<pid_t> result;
  for (const auto& [thread, state] : threads_) result.push_back(thread);
  return result;
}

Result<pid_t> Attachment::quiet_thread() const {
  for (const auto& [thread, state] : threads_) {
    if (state.stopped && state.signal == 0) return thread;
  }
  return Error(ErrorCode::kBusy, "find a thread that no signal is about to interrupt");
}

/// @return true if there were threads that were not seized yet.
Result<bool> Attachment::seize_new(pid_t process) {
  NINES_ASSIGN(const auto current, sys::Procfs().threads(process));
  std::vector<pid_t> seized;
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
    seized.push_back(thread);
  }
  if (begun_.ns == 0) begun_ = boot_now();
  // Only now: nothing waits while others are seized.
  for (const pid_t thread : seized) ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
  return !seized.empty();
}

/// @return false if the deadline passed first.
bool Attachment::wait_for_stops(BootTime deadline) {
  const StopSignal told;
  for (;;) {
    if (collect()) return true;
    const Nanoseconds left = deadline - boot_now();
    if (left.count() <= 0) return false;
    // One that the caller waits for elsewhere may have taken the signal: never for long.
    told.wait(std::min<Nanoseconds>(left, std::chrono::milliseconds(5)));
  }
}

/// @return whether all that are still there have stopped.
bool Attachment::collect() {
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
  return all;
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
