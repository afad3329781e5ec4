// CrashCatcher: who comes to the core socket. Mostly the kernel; or nines-crash-pipe, which the
// kernel has started.

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include "app/crash/core_file.h"
#include "app/crash/hook.h"
#include "app/crash/pipe_protocol.h"
#include "base/fault_point.h"
#include "daemon/crash_catcher.h"
#include "sys/unix_socket.h"

namespace nines::daemon {
namespace {

constexpr Nanoseconds kPause = std::chrono::milliseconds(100);
constexpr int kAcceptAtOnce = 16;  // then others have their turn on the loop
constexpr Nanoseconds kSpeakWithin = std::chrono::seconds(1);
constexpr std::size_t kMostCallers = 256;

crash::CorePolicy policy_of(const supervise::CrashedUnit& unit) {
  crash::CorePolicy policy;
  switch (unit.core) {
    case unit::CrashCore::kAuto: policy.wish = crash::CoreWish::kAuto; break;
    case unit::CrashCore::kNone: policy.wish = crash::CoreWish::kNone; break;
    case unit::CrashCore::kMinimal: policy.wish = crash::CoreWish::kMinimal; break;
    case unit::CrashCore::kFull: policy.wish = crash::CoreWish::kFull; break;
  }
  policy.limit = unit.core_limit;
  policy.successor_waits = unit.successor_waits;
  policy.successor_serves = unit.successor_serves;
  policy.kill_after_minimal = unit.kill_dump;
  return policy;
}

}  // namespace

void CrashCatcher::listen() {
  readable_ = loop_.on_readable(listener_, [this] { accept_some(); });
}

void CrashCatcher::accept_some() {
  for (int i = 0; i < kAcceptAtOnce; ++i) {
    UniqueFd fd(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      if (errno == EAGAIN) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // No descriptors left, most likely. It stays readable: not again and again until there are.
      readable_.reset();
      pause_ = loop_.after(kPause, [this] { listen(); });
      return;
    }
    auto connection = crash::CoreConnection::from_kernel(fd);
    if (connection) {
      take(std::move(*connection));
    } else {
      hear(std::move(fd), std::move(connection.error()));
    }
  }
}

void CrashCatcher::hear(UniqueFd connection, Error why_not) {
  const int number = connection.get();
  const bool too_many = callers_.size() >= kMostCallers;
  callers_.insert_or_assign(number, Caller{std::move(connection), std::move(why_not), {}, {}});
  if (too_many) return give_up(number);
  Caller& caller = callers_.at(number);
  caller.readable = loop_.on_readable(number, [this, number] { on_words(number); });
  caller.deadline = loop_.after(kSpeakWithin, [this, number] { give_up(number); });
}

void CrashCatcher::give_up(int caller) {
  const auto gone = callers_.extract(caller);
  // Anybody, of whom we know that he is not dying.
  if (!gone || gone.mapped().why_not.code() == ErrorCode::kUnsupported) return;
  CrashOrigin unknown;
  unknown.id = ledger::new_id();
  fail(unknown, gone.mapped().why_not.message());
}

void CrashCatcher::on_words(int caller) {
  const UniqueFd& connection = callers_.at(caller).connection;
  const auto peer = sys::peer_credentials(connection.get());
  auto message = sys::receive_message(connection.get(), 64);
  if (message && !*message) return;  // nothing yet
  const bool whole = message && !(*message)->truncated && (*message)->fds.size() == 2;
  if (!whole || !peer || peer->uid != 0) return give_up(caller);
  callers_.erase(caller);
  const auto notice = crash::decode_pipe_notice((*message)->bytes);
  if (!notice) return;
  Crash crash;
  crash.origin.pid = notice->pid;
  crash.origin.dumpable = notice->dumpable;
  crash.connection = std::move((*message)->fds[0]);
  const sys::Pidfd process(std::move((*message)->fds[1]));
  crash.process.reset(::fcntl(process.fd(), F_DUPFD_CLOEXEC, 0));
  take(std::move(crash), process);
}

void CrashCatcher::take(crash::CoreConnection connection) {
  Crash crash;
  crash.origin.pid = connection.pid();
  const sys::Pidfd process(UniqueFd(::fcntl(connection.process().fd(), F_DUPFD_CLOEXEC, 0)));
  crash.connection = std::move(connection).release();
  take(std::move(crash), process);
}

void CrashCatcher::take(Crash crash, const sys::Pidfd& process) {
  fault::pass(FaultPoint::core_accepted);
  crash.origin.id = ledger::new_id();
  crash.origin.time = utc_now();
  crash.origin.since_boot = boot_now();
  if (auto unit = manager_.on_crash(process, crash.origin.pid)) {
    crash.origin.unit = std::move(unit->name);
    crash.origin.cause = std::move(unit->end_event);
    crash.origin.policy = policy_of(*unit);
    crash.origin.watchdog = std::move(unit->watchdog);
    crash.origin.log = std::move(unit->log);
  }
  admit(std::move(crash));
}

void CrashCatcher::on_death(const supervise::CrashedUnit& unit,
                            const supervise::DeadProcess& dead) {
  Crash crash;
  crash.origin.gone = crash::GoneProcess{dead.pid, dead.signal, dead.program, dead.oom, {}};
  if (dead.oom.empty()) {
    const auto pattern = crash::read_pattern();
    if (!dead.dumped || !pattern || !crash::is_file_pattern(*pattern)) return;
    crash.origin.gone->directory =
        crash::core_directory(*pattern, dead.root, dead.directory.empty() ? "/" : dead.directory);
    // The user's home, which the unit's user alone tells.
    if (crash.origin.gone->directory.empty()) return;
  }
  crash.origin.id = ledger::new_id();
  crash.origin.time = utc_now();
  crash.origin.since_boot = dead.when;
  crash.origin.pid = dead.pid;
  crash.origin.unit = unit.name;
  crash.origin.cause = unit.end_event;
  crash.origin.log = unit.log;
  crash.origin.policy = policy_of(unit);
  crash.origin.policy.successor_waits = false;
  admit(std::move(crash));
}

void CrashCatcher::admit(Crash crash) {
  if (!may_begin(crash) && waiting_.size() >= kWaiting) {
    reject(crash.origin.unit);
    return;
  }
  // First the connection, then the record: a record alone means that it was let go.
  hold(crash);
  auto record = records_.begin(crash.origin);
  if (!record) {
    let_go(crash.origin.id);
    fail(crash.origin, record.error().message());
    return;
  }
  crash.record = std::move(*record);
  fault::pass(FaultPoint::core_recorded);
  enqueue(std::move(crash));
}

}  // namespace nines::daemon
