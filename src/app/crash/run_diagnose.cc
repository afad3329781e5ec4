#include "app/crash/run_diagnose.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "app/crash/diagnosis_json.h"
#include "app/crash/known_signature.h"
#include "sys/spawn.h"

namespace nines::crash {
namespace {

constexpr std::size_t kLongestAnswer = std::size_t{64} << 20;
constexpr int kLowest = 19;       // nice(2)
constexpr int kFirstToGo = 1000;  // proc_pid_oom_score_adj(5)
constexpr std::size_t kLongestComplaint = 1024;

struct Pipe {
  UniqueFd out, in;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe");
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  (void)::fcntl(pipe.out.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

/// What one descriptor has said. Beyond its limit it is read, and not kept.
struct Said {
  UniqueFd from;
  std::size_t most;
  std::string text = {};
  bool too_much = false;

  void read_all() {
    std::array<char, 64 << 10> buffer;
    while (from) {
      const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return from.reset();
      const std::size_t fits = std::min(static_cast<std::size_t>(n), most - text.size());
      text.append(buffer.data(), fits);
      too_much |= fits < static_cast<std::size_t>(n);
      if (too_much) return;
    }
  }
};

class Child {
 public:
  explicit Child(sys::SpawnedProcess process) : process_(std::move(process)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { (void)end(); }

  /// Reads both until it has ended. A descriptor that a child of its own still holds is no reason
  /// to wait. @errors kTimeout, kLimit.
  Status listen(Said* answer, Said* complaint, BootTime deadline) {
    for (;;) {
      const auto left = std::chrono::duration_cast<Milliseconds>(deadline - boot_now()).count();
      if (left <= 0) return Error(ErrorCode::kTimeout, "run nines-diagnose");
      std::array<pollfd, 3> ready{{{answer->from.get(), POLLIN, 0},
                                   {complaint->from.get(), POLLIN, 0},
                                   {process_.pidfd.fd(), POLLIN, 0}}};
      if (::poll(ready.data(), ready.size(), static_cast<int>(left)) <= 0) continue;
      answer->read_all();
      complaint->read_all();
      if (answer->too_much) {
        return Error(ErrorCode::kLimit, "run nines-diagnose").with_detail("it says too much");
      }
      if (complaint->too_much) complaint->from.reset();
      if (ready[2].revents != 0) break;
    }
    answer->read_all();
    return {};
  }

  sys::ExitStatus end() {
    if (ended_) return status_;
    ended_ = true;
    (void)process_.pidfd.send_signal(SIGKILL).has_value();
    siginfo_t info{};
    const auto fd = static_cast<id_t>(process_.pidfd.fd());
    while (::waitid(P_PIDFD, fd, &info, WEXITED) != 0) {
      if (errno != EINTR) return status_;
    }
    status_ = {info.si_code == CLD_EXITED ? sys::ExitStatus::Kind::kExited
                                          : sys::ExitStatus::Kind::kKilled,
               info.si_status};
    return status_;
  }

 private:
  sys::SpawnedProcess process_;
  bool ended_ = false;
  sys::ExitStatus status_;
};

Result<std::string> run(const DiagnoseRequest& request, std::vector<std::string> options) {
  NINES_ASSIGN(Pipe out, make_pipe());
  NINES_ASSIGN(Pipe err, make_pipe());
  sys::SpawnRequest spawn;
  spawn.path = request.program;
  spawn.argv = {request.program};
  spawn.argv.insert(spawn.argv.end(), options.begin(), options.end());
  for (const std::string& file : request.files) {
    spawn.argv.insert(spawn.argv.end(), {"--file", file});
  }
  spawn.argv.emplace_back("/proc/self/fd/3");
  spawn.pass_fds = {request.core};
  spawn.stdout_fd = out.in.get();
  spawn.stderr_fd = err.in.get();
  if (request.background) {
    spawn.nice = kLowest;
    spawn.oom_score_adjust = kFirstToGo;
  }
  NINES_ASSIGN(sys::SpawnedProcess started, sys::spawn(spawn));
  Child child(std::move(started));
  out.in.reset();
  err.in.reset();
  Said answer{std::move(out.out), kLongestAnswer};
  Said complaint{std::move(err.out), kLongestComplaint};
  NINES_TRY(child.listen(&answer, &complaint, boot_now() + request.within));
  const sys::ExitStatus status = child.end();
  if (status.success()) return std::move(answer.text);
  while (complaint.text.ends_with('\n')) complaint.text.pop_back();
  return Error(ErrorCode::kIo, "run nines-diagnose")
      .with_detail(complaint.text.empty() ? "it ended with " + sys::to_string(status)
                                          : complaint.text);
}

}  // namespace

Result<Diagnosis> run_diagnose(const DiagnoseRequest& request) {
  NINES_ASSIGN(const std::string answer, run(request, {}));
  return parse_diagnosis(answer);
}

Result<std::string> run_signature(const DiagnoseRequest& request) {
  NINES_ASSIGN(std::string answer, run(request, {"--signature"}));
  while (answer.ends_with('\n')) answer.pop_back();
  if (is_signature(answer)) return answer;
  return Error(ErrorCode::kCorrupt, "run nines-diagnose").with_detail("that is no signature");
}

}  // namespace nines::crash
