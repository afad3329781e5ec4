#include "daemon/crash_catcher.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "app/crash/crash_arguments.h"
#include "app/crash/crash_store.h"
#include "app/crash/progress.h"
#include "base/fault_point.h"

namespace nines::daemon {
namespace {

constexpr std::string_view kHeldPrefix = "crash/";
constexpr std::string_view kHeldProcess = "crash-process/";
// Beyond all of nines-crash's own deadlines: then a disk hangs, or it does. Stage 2 may take as
// long as it moves on; and when the process has been let go nobody waits.
constexpr Nanoseconds kGiveUp = std::chrono::seconds(60);
constexpr Nanoseconds kGiveUpOthers = std::chrono::minutes(6);
constexpr Nanoseconds kGiveUpStalled = std::chrono::seconds(40);
constexpr Nanoseconds kGiveUpAfterwards = std::chrono::minutes(3);
constexpr Nanoseconds kOrphanPoll = std::chrono::milliseconds(50);

std::string crash_name(const std::string& id) {
  return std::string(kHeldPrefix) + id;
}
std::string process_name(const std::string& id) {
  return std::string(kHeldProcess) + id;
}

std::vector<std::string> fault_environment() {
  std::vector<std::string> result;
  for (const char* name : {"NINES_FAULT", "NINES_FAULT_TOKEN"}) {
    if (const char* value = std::getenv(name)) result.push_back(std::string(name) + "=" + value);
  }
  return result;
}

}  // namespace

struct CrashCatcher::Running {
  sys::SpawnedProcess helper;
  UniqueFd progress;
  sys::Subscription ended, deadline, moved;
  std::string cause;
  bool foreign = false;
  bool first_stage = true;
  bool late = false;
};

CrashCatcher::CrashCatcher(sys::EventLoop& loop, supervise::Manager& manager,
                           supervise::KeeperLink& keeper, ledger::EventSink& events,
                           CrashPlaces places)
    : loop_(loop),
      manager_(manager),
      keeper_(keeper),
      events_(events),
      places_(std::move(places)),
      records_(places_.records) {}

CrashCatcher::~CrashCatcher() = default;

Status CrashCatcher::start(int listener, std::map<std::string, UniqueFd>& held) {
  NINES_TRY(records_.open());
  listener_ = listener;
  for (const std::string& id : records_.unfinished()) {
    auto connection = held.extract(crash_name(id));
    auto process = held.extract(process_name(id));
    auto record = records_.take_over(id);
    if (!record) {
      // Somebody looks at it already, and lets it go by itself.
      let_go(id);
      if (record.error().code() == ErrorCode::kBusy) watch_orphan(id);
      continue;
    }
    const auto read = records_.read(id);
    const bool begun = !read || read->outcome || read->origin.pid <= 0;
    const bool is_there = begun || read->origin.gone || connection;
    if (begun || !is_there || (read->origin.dumpable != 0 && !process)) {
      let_go(id);
      finish(id, "the daemon was killed before anybody looked at it");
      continue;
    }
    Crash crash{read->origin, connection ? std::move(connection.mapped()) : UniqueFd(),
                process ? std::move(process.mapped()) : UniqueFd(), std::move(*record)};
    hold(crash);  // by the new keeper, if it is one
    waiting_.push_back(std::move(crash));
  }
  for (auto at = held.lower_bound(std::string(kHeldPrefix));
       at != held.end() && at->first.starts_with(kHeldPrefix);) {
    // Without a record: nobody has begun with it.
    auto connection = crash::CoreConnection::from_kernel(at->second);
    if (connection) take(std::move(*connection));
    keeper_.drop(at->first);
    at = held.erase(at);
  }
  begin_next();
  listen();
  return {};
}

void CrashCatcher::hold(const Crash& crash) {
  // A keeper that is gone is noticed elsewhere.
  if (!crash.connection) return;
  if (crash.process) {
    (void)keeper_.store(process_name(crash.origin.id), crash.process.get()).has_value();
  }
  (void)keeper_.store(crash_name(crash.origin.id), crash.connection.get()).has_value();
}

void CrashCatcher::let_go(const std::string& id) {
  keeper_.drop(crash_name(id));
  keeper_.drop(process_name(id));
}

void CrashCatcher::enqueue(Crash crash) {
  // A unit may wait for the end of its process; nobody waits for that of others.
  auto at = waiting_.end();
  if (!crash.origin.unit.empty()) {
    at = waiting_.begin();
    while (at != waiting_.end() && !at->origin.unit.empty()) ++at;
  }
  waiting_.insert(at, std::move(crash));
  begin_next();
}

bool CrashCatcher::looks_at(const std::string& cause) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const Crash& crash) { return crash.origin.cause == cause; }) ||
         std::any_of(running_.begin(), running_.end(),
                     [&](const auto& entry) { return entry.second->cause == cause; });
}

bool CrashCatcher::may_begin(const Crash& crash) const {
  // Those in stage 2, which may take long, keep nobody from stage 1: a unit may wait for that.
  std::size_t all = 0, foreign = 0;
  for (const auto& [id, running] : running_) {
    all += running->first_stage ? 1 : 0;
    foreign += running->first_stage && running->foreign ? 1 : 0;
  }
  if (all >= kAtOnce) return false;
  return !crash.origin.unit.empty() || foreign < kForeignAtOnce;
}

void CrashCatcher::begin_next() {
  // The units' are in front.
  while (!waiting_.empty() && may_begin(waiting_.front())) {
    Crash crash = std::move(waiting_.front());
    waiting_.pop_front();
    const std::string id = crash.origin.id;
    const Status begun = begin(std::move(crash));
    let_go(id);
    if (!begun) finish(id, begun.error().message());
  }
}

/// What nines-crash is told. @see crash::parse_crash_arguments()
std::vector<std::string> CrashCatcher::words_for(const Crash& crash) const {
  const CrashOrigin& origin = crash.origin;
  std::vector<std::string> words = {places_.program, "--in-store"};
  const auto add = [&](const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
  };
  if (crash.process) add({"--pipe", std::to_string(origin.pid), std::to_string(origin.dumpable)});
  if (origin.unit.empty()) {
    add({"--foreign", places_.state});
  } else {
    add({"--unit", origin.unit});
  }
  if (!origin.watchdog.empty()) add({"--watchdog", origin.watchdog});
  if (!origin.log.empty()) add({"--log", origin.log});
  if (origin.gone) add(crash::words_of(*origin.gone));
  add(crash::words_of(origin.policy));
  add({"--store-max", std::to_string(places_.store_max.count)});
  // Behind the connection, and the process's handle, if there are such.
  add({"--progress", std::to_string(3 + (crash.connection ? 1 : 0) + (crash.process ? 1 : 0))});
  add({places_.store + "/" + origin.id});
  return words;
}

Status CrashCatcher::begin(Crash crash) {
  const std::string& id = crash.origin.id;
  const bool foreign = crash.origin.unit.empty();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return Error::from_errno(errno, "make a pipe");
  }
  UniqueFd progress(ends[0]);
  const UniqueFd told(ends[1]);
  sys::SpawnRequest request;
  request.path = places_.program;
  request.argv = words_for(crash);
  request.environment = fault_environment();
  request.stdout_fd = crash.record.get();
  request.stderr_fd = STDERR_FILENO;
  if (crash.connection) request.pass_fds.push_back(crash.connection.get());
  if (crash.process) request.pass_fds.push_back(crash.process.get());
  request.pass_fds.push_back(told.get());
  auto running = std::make_unique<Running>();
  running->foreign = foreign;
  running->cause = crash.origin.cause;
  NINES_ASSIGN(running->helper, sys::spawn(request));
  fault::pass(FaultPoint::core_handed);
  running->ended = loop_.on_readable(running->helper.pidfd.fd(), [this, id] { on_end(id); });
  running_[id] = std::move(running);
  give_up_after(id, foreign ? kGiveUpOthers : kGiveUp);
  watch(id, std::move(progress));
  return {};
}

void CrashCatcher::give_up_after(const std::string& id, Nanoseconds time) {
  running_.at(id)->deadline = loop_.after(time, [this, id] {
    Running& late = *running_.at(id);
    late.late = true;
    (void)late.helper.pidfd.send_signal(SIGKILL).has_value();
  });
}

void CrashCatcher::watch(const std::string& id, UniqueFd progress) {
  Running& running = *running_.at(id);
  running.progress = std::move(progress);
  running.moved = loop_.on_readable(running.progress.get(), [this, id] { on_progress(id); });
}

void CrashCatcher::on_progress(const std::string& id) {
  Running& running = *running_.at(id);
  std::array<char, 4096> words{};
  const ssize_t n = ::read(running.progress.get(), words.data(), words.size());
  if (n < 0) return;
  if (n == 0) {
    running.moved.reset();  // it ends, or has closed it: its handle will tell
    return;
  }
  const bool let_go = words[static_cast<std::size_t>(n) - 1] == crash::Progress::kLetGo;
  give_up_after(id, let_go ? kGiveUpAfterwards : kGiveUpStalled);
  if (std::exchange(running.first_stage, false)) begin_next();
}

// By value: the subscription that calls holds the caller's, and goes.
void CrashCatcher::on_end(std::string id) {  // NOLINT(performance-unnecessary-value-param)
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  const auto running = std::move(found->second);
  running_.erase(found);
  siginfo_t info{};
  const auto fd = static_cast<id_t>(running->helper.pidfd.fd());
  while (::waitid(P_PIDFD, fd, &info, WEXITED) != 0 && errno == EINTR) {
  }
  std::string how = "nines-crash took too long and was killed";
  if (!running->late) {
    sys::ExitStatus status{sys::ExitStatus::Kind::kExited, info.si_status};
    if (info.si_code != CLD_EXITED) status.kind = sys::ExitStatus::Kind::kKilled;
    how = "nines-crash ended by " + sys::to_string(status);
  }
  fault::pass(FaultPoint::core_kept);
  finish(id, how);
  begin_next();
}

// As above.
void CrashCatcher::look_at_orphan(std::string id) {  // NOLINT(performance-unnecessary-value-param)
  const auto record = records_.take_over(id);
  if (!record && record.error().code() == ErrorCode::kBusy) return watch_orphan(id);
  orphans_.erase(id);
  finish(id, "nines-crash ended without a word");
}

void CrashCatcher::watch_orphan(const std::string& id) {
  orphans_[id] = loop_.after(kOrphanPoll, [this, id] { look_at_orphan(id); });
}

}  // namespace nines::daemon
