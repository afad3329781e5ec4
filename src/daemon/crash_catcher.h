// Takes dying processes from the kernel's core socket, and has each kept by a nines-crash of its
// own.
//
// Nothing here reads what a victim has written: the kernel says who it is, nines-crash looks at it.
// And nothing waits: a crash is known, and its unit's successor started, before anybody looks at
// what crashed.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/crash/core_connection.h"
#include "app/supervise/keeper_link.h"
#include "app/supervise/manager.h"
#include "daemon/crash_record.h"
#include "ledger/event.h"
#include "sys/event_loop.h"
#include "sys/spawn.h"

namespace nines::daemon {

struct CrashPlaces {
  std::string program;  ///< nines-crash, absolute
  std::string store;    ///< a directory for each crash in here
  std::string records;  ///< of what is not finished; on a tmpfs
  Bytes store_max;      ///< for all of them
  std::string state;    ///< where nines crash setup has said what becomes of others' processes
};

/// Events: crash.captured and crash.failed for each, crash.rejected with a count for those for
/// which there was no room. Subject is the unit, or the program.
class CrashCatcher {
 public:
  /// Of so many stage 1 is taken at once, and so many wait for that, dying. More are let go, and
  /// counted.
  static constexpr std::size_t kAtOnce = 4;
  /// Of these so many may be of no unit: their former handler may take long.
  static constexpr std::size_t kForeignAtOnce = 3;
  static constexpr std::size_t kWaiting = 64;

  CrashCatcher(sys::EventLoop& loop, supervise::Manager& manager, supervise::KeeperLink& keeper,
               ledger::EventSink& events, CrashPlaces places);
  ~CrashCatcher();

  /// Takes up what a predecessor left, then accepts.
  /// @param listener  of the core socket; stays the caller's.
  /// @param held      from the keeper: connections that nobody has looked at are taken out.
  Status start(int listener, std::map<std::string, UniqueFd>& held);
  /// A main process that died. Kept only if nobody else hears of it: the kernel killed it for want
  /// of memory, or wrote its core into a file.
  void on_death(const supervise::CrashedUnit& unit, const supervise::DeadProcess& dead);
  /// Whether an event of ours will follow on this one, which tells of a unit's end.
  bool looks_at(const std::string& cause) const;

 private:
  struct Crash {
    CrashOrigin origin;
    UniqueFd connection;  ///< the kernel's; or the pipe that the core comes through
    UniqueFd process;     ///< with a pipe: its handle
    UniqueFd record;
  };
  struct Running;
  /// Somebody who is not dying: nines-crash-pipe, if he says so in time.
  struct Caller {
    UniqueFd connection;
    Error why_not;  ///< the kernel told of no dying process
    sys::Subscription readable, deadline;
  };

  void listen();
  void accept_some();
  void take(crash::CoreConnection connection);
  void hear(UniqueFd connection, Error why_not);
  void give_up(int caller);
  void on_words(int caller);
  void take(Crash crash, const sys::Pidfd& process);
  void admit(Crash crash);
  void hold(const Crash& crash);
  void let_go(const std::string& id);
  void enqueue(Crash crash);
  void reject(const std::string& unit);
  void tell_rejected();
  bool may_begin(const Crash& crash) const;
  void begin_next();
  std::vector<std::string> words_for(const Crash& crash) const;
  Status begin(Crash crash);
  void watch(const std::string& id, UniqueFd progress);
  void on_progress(const std::string& id);
  void give_up_after(const std::string& id, Nanoseconds time);
  void on_end(std::string id);
  void watch_orphan(const std::string& id);
  void look_at_orphan(std::string id);
  /// Tells what became of it, and forgets it.
  void finish(const std::string& id, const std::string& how_it_ended);
  void fail(const CrashOrigin& origin, const std::string& why);
  void tell_unit(const CrashOrigin& origin, const crash::Outcome& outcome);
  void emit(const CrashOrigin& origin, const std::string& program, std::string kind,
            ledger::Severity severity, std::string detail_json);

  sys::EventLoop& loop_;
  supervise::Manager& manager_;
  supervise::KeeperLink& keeper_;
  ledger::EventSink& events_;
  CrashPlaces places_;
  CrashRecords records_;
  int listener_ = -1;
  sys::Subscription readable_, pause_, rejected_timer_;
  std::map<int, Caller> callers_;
  std::deque<Crash> waiting_;
  std::map<std::string, std::unique_ptr<Running>> running_;
  std::map<std::string, sys::Subscription> orphans_;  ///< of a predecessor, still being taken down
  std::map<std::string, std::size_t> rejected_;       ///< not told yet, by unit
};

}  // namespace nines::daemon
