#include "keeper/keeper.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/fault_point.h"
#include "sys/procfs.h"
#include "sys/scheduling.h"
#include "sys/spawn.h"
#include "sys/unix_socket.h"

extern char** environ;

namespace nines::keeper {
namespace {

constexpr std::array kForwardedSignals = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
// A worker that lived this long did not die of its own start-up.
constexpr Nanoseconds kHealthyWorker = std::chrono::seconds(5);
constexpr Nanoseconds kLongestPause = std::chrono::seconds(5);

// The keeper is an edge: nobody above it could print what went wrong.
void complain(const Error& error) {
  std::fprintf(stderr, "nines-keeper: %s\n", error.message().c_str());
}

std::vector<std::string> own_environment() {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) result.emplace_back(*entry);
  return result;
}

}  // namespace

Status Keeper::set_up() {
  (void)sys::become_realtime();
  sigset_t handled;
  sigemptyset(&handled);
  sigaddset(&handled, SIGCHLD);
  for (const int signal : kForwardedSignals) sigaddset(&handled, signal);
  if (::sigprocmask(SIG_SETMASK, &handled, nullptr) != 0) {
    return Error::from_errno(errno, "block signals");
  }
  ::signal(SIGPIPE, SIG_IGN);
  signals_.reset(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return Error::from_errno(errno, "create signalfd");
  // Units that daemonize, and everything that a worker leaves behind, become our children.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL) != 0) {
    return Error::from_errno(errno, "become subreaper");
  }
  return {};
}

Status Keeper::start_worker() {
  NINES_TRY(fault::hit(FaultPoint::keeper_spawn_worker));
  NINES_ASSIGN(auto pair, sys::seqpacket_pair());
  sys::SpawnRequest request;
  request.path = options_.worker_argv.front();
  request.argv = options_.worker_argv;
  // First: behind a "--" it would become part of the user's command.
  request.argv.insert(request.argv.begin() + 1, {"--keeper-fd", std::to_string(kWorkerSocketFd)});
  // Not to be told from what we hold: a worker that was killed while it handed over to us has left
  // us nothing.
  if (ever_ready_) request.argv.insert(request.argv.begin() + 3, "--successor");
  request.environment = own_environment();
  request.stdin_fd = STDIN_FILENO;
  request.stdout_fd = STDOUT_FILENO;
  request.stderr_fd = STDERR_FILENO;
  request.pass_fds = {pair.second.get()};
  request.new_session = false;
  std::array<char, 4096> directory{};
  if (::getcwd(directory.data(), directory.size()) != nullptr) {
    request.working_directory = directory.data();
  }
  worker_started_ = boot_now();
  NINES_ASSIGN(const sys::SpawnedProcess worker, sys::spawn(request));
  socket_ = std::move(pair.first);
  worker_pid_ = worker.id.pid;
  worker_is_child_ = true;
  ready_ = false;
  sent_sequence_ = 0;
  for (const auto& [name, fd] : held_) tell_worker({Message::Kind::kFd, name, 0, {}}, fd.get());
  // Before kRestored: what ended meanwhile must be known before the worker looks for what is lost.
  send_waiting_exits();
  tell_worker({Message::Kind::kRestored, {}, 0, {}});
  for (const int signal : std::exchange(pending_signals_, {})) {
    tell_worker({Message::Kind::kSignal, {}, static_cast<std::uint64_t>(signal), {}});
  }
  return {};
}

void Keeper::tell_worker(const Message& message, int fd) {
  const std::vector<int> fds = fd >= 0 ? std::vector<int>{fd} : std::vector<int>{};
  const Status sent = sys::send_message(socket_.get(), encode(message), fds);
  if (sent) return;
  // A dead worker is noticed by its socket; what it did not hear is told to its successor.
  if (message.kind == Message::Kind::kSignal) {
    pending_signals_.push_back(static_cast<int>(message.number));
  }
  if (sent.error().code() != ErrorCode::kGone) complain(sent.error());
}

void Keeper::send_waiting_exits() {
  if (!socket_) return;
  for (const ExitRecord& record : exits_) {
    if (record.sequence <= sent_sequence_) continue;
    const std::string line = encode({Message::Kind::kExit, {}, 0, record});
    // Never blocks: with a full buffer poll() waits for room.
    if (!sys::send_message(socket_.get(), line, {}, MSG_DONTWAIT | MSG_NOSIGNAL)) return;
    sent_sequence_ = record.sequence;
  }
}

void Keeper::reap() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) break;
    fault::pass(FaultPoint::keeper_reap);
    // While it is a zombie its pid is its own, and /proc still tells its start time.
    const auto id = sys::Procfs().identify(info.si_pid);
    int wait_status = 0;
    if (::waitpid(info.si_pid, &wait_status, 0) != info.si_pid) continue;
    if (worker_is_child_ && info.si_pid == worker_pid_) {
      on_worker_exit(wait_status);
      continue;
    }
    exits_.push_back({next_sequence_++, id ? *id : ProcessId{info.si_pid, StartTime::kUnknown},
                      wait_status, boot_now()});
  }
  send_waiting_exits();
}

void Keeper::on_worker_exit(int wait_status) {
  // What it said last counts: it may have been killed right after a `store`.
  drain_worker_messages();
  worker_pid_ = 0;
  worker_is_child_ = false;
  const bool orderly = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  if (!orderly && !ever_ready_) {
    exit_code_ = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    finished_ = true;
  }
  if (!orderly && ever_ready_) {
    std::fprintf(stderr, "nines-keeper: worker ended by %s; starting it again, units go on\n",
                 sys::to_string(sys::exit_status_from_wait(wait_status)).c_str());
  }
  worker_gone();
}

void Keeper::worker_gone() {
  socket_.reset();
  if (finished_) return;
  const bool healthy = boot_now() - worker_started_ >= kHealthyWorker;
  quick_deaths_ = healthy || reexec_requested_ ? 0 : quick_deaths_ + 1;
  Nanoseconds pause{0};
  if (quick_deaths_ > 1) {
    pause = std::min<Nanoseconds>(
        std::chrono::milliseconds(50) * (1 << std::min(quick_deaths_ - 2, 10)), kLongestPause);
  }
  next_start_ = boot_now() + pause;
}

void Keeper::on_worker_message() {
  for (;;) {
    auto datagram = sys::receive_message(socket_.get(), kMaxMessageBytes);
    if (!datagram) {
      // End of file: our child's exit arrives by SIGCHLD; a worker that is not our child is gone.
      if (!worker_is_child_) {
        worker_pid_ = 0;
        worker_gone();
      } else {
        socket_.reset();
      }
      return;
    }
    if (!*datagram) return;
    auto message = decode((*datagram)->bytes);
    if (!message || (*datagram)->truncated) {
      complain(message ? Error(ErrorCode::kCorrupt, "receive from worker") : message.error());
      continue;
    }
    handle(*message, std::move((*datagram)->fds));
  }
}

void Keeper::drain_worker_messages() {
  if (socket_) on_worker_message();
}

void Keeper::handle(const Message& message, std::vector<UniqueFd> fds) {
  switch (message.kind) {
    case Message::Kind::kStore:
      fault::pass(FaultPoint::keeper_store);
      if (!fds.empty()) held_[message.name] = std::move(fds.front());
      break;
    case Message::Kind::kDrop: held_.erase(message.name); break;
    case Message::Kind::kAck:
      while (!exits_.empty() && exits_.front().sequence <= message.number) exits_.pop_front();
      break;
    case Message::Kind::kReady:
      ready_ = ever_ready_ = true;
      ::malloc_trim(0);  // what starting the worker took: its arguments can be a thousand units
      break;
    case Message::Kind::kReexec: reexec_requested_ = true; break;
    case Message::Kind::kFinish:
      finished_ = true;
      exit_code_ = static_cast<int>(message.number);
      break;
    default:
      complain(Error(ErrorCode::kCorrupt, "receive from worker").with_detail(encode(message)));
  }
}

void Keeper::on_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    const int signal = static_cast<int>(info.ssi_signo);
    if (socket_) {
      tell_worker({Message::Kind::kSignal, {}, info.ssi_signo, {}});
    } else {
      pending_signals_.push_back(signal);
    }
  }
  reap();
}

int Keeper::poll_timeout_ms() const {
  if (worker_pid_ != 0) return -1;
  const auto left = next_start_ - boot_now();
  return left.count() <= 0 ? 0 : static_cast<int>(left.count() / 1'000'000) + 1;
}

Result<int> Keeper::run() {
  NINES_TRY(set_up());
  if (options_.resume_state) NINES_TRY(resume());
  if (options_.takeover_socket) {
    socket_ = std::move(options_.takeover_socket);
    ever_ready_ = ready_ = true;
    worker_pid_ = -1;  // somebody, but no child of ours
    worker_started_ = boot_now();
  }
  while (!finished_ || worker_pid_ != 0) {
    if (worker_pid_ == 0 && (boot_now() - next_start_).count() >= 0) {
      if (reexec_requested_) {
        const Status executed = execute_anew();  // returns only on failure
        reexec_requested_ = false;
        complain(executed.error());
      }
      if (Status started = start_worker(); !started) {
        complain(started.error());
        if (!ever_ready_) return std::move(started.error());
        worker_gone();
      }
    }
    const bool exits_wait = !exits_.empty() && exits_.back().sequence > sent_sequence_;
    std::array<pollfd, 2> pollers = {
        pollfd{signals_.get(), POLLIN, 0},
        pollfd{socket_.get(), static_cast<short>(exits_wait ? POLLIN | POLLOUT : POLLIN), 0}};
    if (::poll(pollers.data(), pollers.size(), poll_timeout_ms()) < 0 && errno != EINTR) {
      return Error::from_errno(errno, "poll");
    }
    if (pollers[1].revents & POLLOUT) send_waiting_exits();
    if (pollers[1].revents & (POLLIN | POLLHUP | POLLERR)) on_worker_message();
    if (pollers[0].revents & POLLIN) on_signals();
  }
  return exit_code_;
}

}  // namespace nines::keeper
