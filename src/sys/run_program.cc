#include "sys/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace nines::sys {
namespace {

/// @return the reading end, which does not block, and the writing one.
Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe");
  std::pair<UniqueFd, UniqueFd> pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return Error::from_errno(errno, "set pipe flags");
  return pair;
}

}  // namespace

/// What is there. Closes at the end of the stream.
void RunningProgram::Output::take() {
  std::array<char, 64 << 10> buffer;
  while (from) {
    const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return from.reset();
    const std::size_t fits = std::min(static_cast<std::size_t>(n), most - text.size());
    text.append(buffer.data(), fits);
    cut |= fits < static_cast<std::size_t>(n);
    if (cut) return;  // one that says too much without end is looked at between
  }
}

RunningProgram::RunningProgram(SpawnedProcess process, Output out, Output err, bool end_beyond)
    : process_(std::move(process)),
      out_(std::move(out)),
      err_(std::move(err)),
      end_beyond_(end_beyond) {}

RunningProgram::~RunningProgram() {
  if (!process_.pidfd.valid()) return;
  kill_session();
  (void)reap();
}

Result<RunningProgram> RunningProgram::start(SpawnRequest request, const OutputLimits& limits) {
  NINES_ASSIGN(auto out, make_pipe());
  NINES_ASSIGN(auto err, make_pipe());
  request.stdout_fd = out.second.get();
  request.stderr_fd = err.second.get();
  request.new_session = true;
  NINES_ASSIGN(SpawnedProcess process, spawn(request));
  return RunningProgram(std::move(process), {std::move(out.first), limits.out},
                        {std::move(err.first), limits.err}, limits.end_beyond);
}

/// @return whether it has ended by itself.
bool RunningProgram::wait_until(BootTime deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - boot_now()).count();
    std::array<pollfd, 3> watched{{{process_.pidfd.fd(), POLLIN, 0},
                                   {out_.from ? out_.from.get() : -1, POLLIN, 0},
                                   {err_.from ? err_.from.get() : -1, POLLIN, 0}}};
    const int timeout = static_cast<int>(std::clamp<long>(left, 0, 60'000));
    const int ready = ::poll(watched.data(), watched.size(), timeout);
    if (ready < 0 && errno != EINTR) return false;
    out_.take();
    err_.take();
    if (ready > 0 && watched[0].revents != 0) return true;
    if (left <= 0 || (end_beyond_ && out_.cut)) return false;
  }
}

/// With whatever it has started: it leads a session of its own, and is not reaped yet, so that its
/// number is nobody else's.
void RunningProgram::kill_session() const {
  ::kill(-process_.id.pid, SIGKILL);
}

ExitStatus RunningProgram::reap() {
  int status = 0;
  while (::waitpid(process_.id.pid, &status, 0) < 0 && errno == EINTR) {
  }
  process_.pidfd = Pidfd();
  return exit_status_from_wait(status);
}

Ran RunningProgram::finish(BootTime deadline) {
  Ran ran;
  const bool ended = wait_until(deadline);
  if (!ended) kill_session();
  ran.too_late = !ended && !(end_beyond_ && out_.cut);
  ran.status = reap();
  out_.take();
  err_.take();
  ran.out_cut = out_.cut;
  ran.out = std::move(out_.text);
  ran.err = std::move(err_.text);
  return ran;
}

Result<Ran> run_program(SpawnRequest request, Nanoseconds within, const OutputLimits& limits) {
  const BootTime deadline = boot_now() + within;
  NINES_ASSIGN(RunningProgram program, RunningProgram::start(std::move(request), limits));
  return program.finish(deadline);
}

}  // namespace nines::sys
