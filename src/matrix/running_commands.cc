#include "matrix/running_commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/unique_fd.h"
#include "sys/spawn.h"

namespace nines::matrix {
namespace {

constexpr std::size_t kMostText = 4 << 20;

/// A pipe whose reading end does not block.
Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe");
  std::pair<UniqueFd, UniqueFd> pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return Error::from_errno(errno, "set pipe flags");
  return pair;
}

/// Takes what is there; closes at the end of the stream. What is too much is read and dropped.
void take(UniqueFd& from, std::string& into) {
  char buffer[16 << 10];
  for (;;) {
    const ssize_t n = ::read(from.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return from.reset();
    const std::size_t room = kMostText - std::min(kMostText, into.size());
    into.append(buffer, std::min(room, static_cast<std::size_t>(n)));
  }
}

}  // namespace

std::string to_string(const Command& command) {
  return fmt::format("{}", fmt::join(command, " "));
}

/// One program: from its start until it is reaped.
class RunningCommands::Run {
 public:
  explicit Run(const Command& command) {
    if (const Status started = start(command); !started) {
      answer_.err = started.error().message();
      done_ = true;
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    if (!done_) end();
  }

  Answer finish(std::chrono::steady_clock::time_point deadline) {
    while (!done_ && !collect(deadline)) {
    }
    if (!done_) end();
    return answer_;
  }

 private:
  Status start(const Command& command) {
    NINES_ASSIGN(auto out, make_pipe());
    NINES_ASSIGN(auto err, make_pipe());
    sys::SpawnRequest request;
    request.path = command.front();
    request.argv = command;
    // Nothing of the caller's environment: as root it may be another user's.
    request.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                           "LC_ALL=C", "HOME=/"};
    request.stdout_fd = out.second.get();
    request.stderr_fd = err.second.get();
    NINES_ASSIGN(process_, sys::spawn(request));
    out_ = std::move(out.first);
    err_ = std::move(err.first);
    return {};
  }

  /// Waits once. @return true: there is nothing more to wait for, ended or too late.
  bool collect(std::chrono::steady_clock::time_point deadline) {
    // The program's end counts, not the pipes': a child that it leaves behind may hold those open.
    pollfd watched[] = {{process_.pidfd.fd(), POLLIN, 0},
                        {out_.valid() ? out_.get() : -1, POLLIN, 0},
                        {err_.valid() ? err_.get() : -1, POLLIN, 0}};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = ::poll(watched, 3, static_cast<int>(std::max<long>(0, left.count())));
    if (ready < 0) return errno != EINTR;
    take_all();
    if (watched[0].revents != 0) {
      take_all();
      reap(Answer::How::kExited);
      return true;
    }
    return left.count() <= 0;
  }

  void take_all() {
    if (out_.valid()) take(out_, answer_.out);
    if (err_.valid()) take(err_, answer_.err);
  }

  /// At the deadline, with whatever it has started. It leads a session of its own and is not reaped
  /// yet, so that its number is nobody else's.
  void end() {
    ::kill(-process_.id.pid, SIGKILL);
    reap(Answer::How::kTooLate);
  }

  void reap(Answer::How how) {
    int status = 0;
    while (::waitpid(process_.id.pid, &status, 0) < 0 && errno == EINTR) {
    }
    answer_.how = how;
    answer_.code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    if (how == Answer::How::kExited && WIFSIGNALED(status)) answer_.how = Answer::How::kKilled;
    done_ = true;
  }

  sys::SpawnedProcess process_;
  UniqueFd out_, err_;
  Answer answer_;
  bool done_ = false;
};

RunningCommands::RunningCommands(std::chrono::steady_clock::time_point deadline)
    : deadline_(deadline) {}

RunningCommands::~RunningCommands() = default;

void RunningCommands::begin(const Command& command) {
  auto& run = runs_[command];
  if (!run) run = std::make_unique<Run>(command);
}

Answer RunningCommands::answer(const Command& command) {
  begin(command);
  return runs_.at(command)->finish(deadline_);
}

}  // namespace nines::matrix
