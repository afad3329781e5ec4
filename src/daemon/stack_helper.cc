#include "daemon/stack_helper.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>

#include "sys/spawn.h"

namespace nines::daemon {
namespace {

constexpr std::chrono::seconds kDeadline{2};
constexpr std::size_t kMaxText = 8 << 20;

/// One run of the helper. Its subscriptions keep it alive until it has ended and was reaped.
class HelperRun : public std::enable_shared_from_this<HelperRun> {
 public:
  HelperRun(sys::EventLoop& loop, std::function<void(const std::string&)> done)
      : loop_(loop), done_(std::move(done)) {}

  Status start(const std::string& helper, const ProcessId& process) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Error::from_errno(errno, "pipe");
    output_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    // The helper writes to it as to a file: it may wait for room, we never wait for text.
    if (::fcntl(theirs.get(), F_SETFL, 0) != 0) return Error::from_errno(errno, "set pipe flags");
    sys::SpawnRequest request;
    request.path = helper;
    request.argv = {helper, std::to_string(process.pid)};
    if (process.start != StartTime::kUnknown) {
      request.argv.push_back(std::to_string(static_cast<std::uint64_t>(process.start)));
    }
    request.stdout_fd = theirs.get();
    request.stderr_fd = theirs.get();
    NINES_ASSIGN(helper_, sys::spawn(request));
    watch();
    return {};
  }

 private:
  void watch() {
    const auto self = shared_from_this();
    readable_ = loop_.on_readable(output_.get(), [self] { self->take_output(); });
    ended_ = loop_.on_readable(helper_.pidfd.fd(), [self] { self->on_end(); });
    deadline_ = loop_.after(kDeadline, [self] {
      self->late_ = true;
      // Only fails when it has ended, which on_end() is about to hear.
      (void)self->helper_.pidfd.send_signal(SIGKILL).has_value();
    });
  }

  void take_output() {
    char buffer[16 << 10];
    for (;;) {
      const ssize_t n = ::read(output_.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n == 0) readable_.reset();
      if (n <= 0) return;
      const auto room = kMaxText - std::min(text_.size(), kMaxText);
      text_.append(buffer, std::min(static_cast<std::size_t>(n), room));
    }
  }

  void on_end() {
    const auto self = shared_from_this();  // the subscriptions hold the others
    take_output();
    siginfo_t info{};
    const auto fd = static_cast<id_t>(helper_.pidfd.fd());
    while (::waitid(P_PIDFD, fd, &info, WEXITED) != 0 && errno == EINTR) {
    }
    readable_.reset();
    ended_.reset();
    deadline_.reset();
    if (late_) text_ += "user stacks: the helper was killed, it took too long\n";
    if (text_.empty()) text_ = "user stacks: the helper printed nothing\n";
    done_(text_);
  }

  sys::EventLoop& loop_;
  std::function<void(const std::string&)> done_;
  sys::SpawnedProcess helper_;
  UniqueFd output_;
  std::string text_;
  bool late_ = false;
  sys::Subscription readable_, ended_, deadline_;
};

}  // namespace

void run_stack_helper(sys::EventLoop& loop, const std::string& helper, const ProcessId& process,
                      std::function<void(const std::string& text)> done) {
  const auto run = std::make_shared<HelperRun>(loop, done);
  if (const Status started = run->start(helper, process); !started) {
    loop.post([done = std::move(done), why = started.error().message()] {
      done("user stacks: " + why + "\n");
    });
  }
}

}  // namespace nines::daemon
