// One .service unit under supervision: the state machine from start to stop, and what keeps the
// application up in between.
//
// Rules that every method keeps:
//  - state_ is saved before a process is started and before an exit is acknowledged, so that a
//    successor after kill -9 can go on from the file alone;
//  - events and downtime intervals carry ids that are derived from the saved state, so that saying
//    them again after such a kill changes nothing;
//  - nothing waits: each step ends in a timer, an exit record, or a message.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/supervise/cgroup_mover.h"
#include "app/supervise/crash_peers.h"
#include "app/supervise/crashed_unit.h"
#include "app/supervise/health_probe.h"
#include "app/supervise/health_tracker.h"
#include "app/supervise/keeper_link.h"
#include "app/supervise/log_capture.h"
#include "app/supervise/notify.h"
#include "app/supervise/process_table.h"
#include "app/supervise/service_observer.h"
#include "app/supervise/strays.h"
#include "app/supervise/unit_state.h"
#include "app/unit/spec.h"
#include "ledger/event.h"
#include "sys/cgroup.h"
#include "sys/event_loop.h"
#include "sys/pidfd.h"
#include "sys/sock_diag.h"
#include "sys/unix_socket.h"

namespace nines::supervise {

/// What all services share. Borrowed; outlives them.
struct Context {
  sys::EventLoop& loop;
  KeeperLink& keeper;
  ProcessTable& table;
  const StateStore& states;
  ledger::EventSink& events;
  const sys::CgroupTree& cgroups;
  CgroupMover& mover;
  std::string runtime_dir;
  std::string log_dir;
  std::string notify_path;
  bool user_mode = false;
  BootTime next_courtesy{};  ///< see Service::let_it_serve()
};

struct LaunchInputs;

/// Why a unit is stopped; by default because somebody asked for it.
struct StopReason {
  std::string because_of;    ///< another unit that went down, to which it is bound
  std::string event;         ///< id of the event that tells of it, or empty
  bool shutdown = false;     ///< the daemon ends, and all units with it
  bool replacement = false;  ///< it is replaced before it fails
};

class Service {
 public:
  using Completion = std::function<void(Status)>;

  Service(std::shared_ptr<const unit::Unit> unit, Context& context, ServiceObserver& observer);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const unit::Unit& unit() const { return *unit_; }
  const unit::ServiceUnit& spec() const { return *unit_->service(); }
  const UnitState& state() const { return state_; }
  pid_t main_pid() const { return main_.id.pid; }
  const ProcessId& main_process() const { return main_.id; }
  /// Of the present instance, without a spare.
  std::vector<pid_t> processes() const;
  std::vector<std::string> cgroup_directories() const;
  pid_t standby_pid() const { return standby_.id.pid; }
  /// Serving, as far as its own word (READY=1, exec) goes.
  bool is_active() const;
  bool is_settled() const;  ///< neither starting nor stopping
  std::optional<bool> healthy() const { return health_ ? health_->healthy : std::nullopt; }
  std::string health_detail() const { return health_ ? health_->detail : std::string(); }
  std::vector<const sys::Pidfd*> running_processes() const;
  sys::CgroupUsage usage() const;
  LogCapture* log() { return log_.get(); }
  std::string log_path() const;
  /// The capture of what it prints, made on first use.
  Result<LogCapture*> open_log();

  /// Starts; `done` is called when it is ready or has failed for the first time.
  void start(Completion done);
  /// Stops it: by request the downtime is planned, because of another unit it is not. `done` when
  /// nothing of it runs any more.
  void stop(Completion done, const StopReason& reason = {});
  /// Stops because `other`, which it is bound to, went down; it stays wanted, and the manager
  /// starts it when `other` is back.
  /// @param event  id of the event that tells of it.
  void stop_with(const std::string& other, const std::string& event);
  /// stop + start as one interruption, planned as for stop(); the fd store survives.
  void restart(Completion done, const StopReason& reason = {});
  /// @errors kInvalidArgument: the unit has no ExecReload=.
  void reload(Completion done);
  /// Replaces the main process by a fresh one. Where its listening sockets are held here, the
  /// successor serves before the old one is asked to end; else it is a planned restart.
  /// `done`: once the old one is gone, or with why it goes on as it was.
  /// @param cause  id of the event that asks for it, or empty.
  /// @errors kInvalidArgument: it is not running. kBusy: it is being replaced already.
  void rejuvenate(Completion done, const std::string& cause = {});
  /// Runs `command` in the unit's place because of the event `cause`; what it ends with is an
  /// event.
  void react(const unit::ExecCommand& command, std::map<std::string, std::string> environment,
             const std::string& cause);
  /// Forgets a failure and the restart counters.
  void reset_failed();
  /// Takes a changed unit file into use at the next start.
  void replace_unit(std::shared_ptr<const unit::Unit> unit) { unit_ = std::move(unit); }

  /// An exit record from the keeper. @return true if it was a process of this unit.
  bool on_exit(const ProcessId& process, const sys::ExitStatus& status, BootTime when);
  /// The kernel begins to dump this unit's main process: it will never serve again.
  /// @param notice  how we know, for the event.
  void on_crash_notice(pid_t pid, const std::string& notice);
  /// @return why we ended it for its watchdog, as long as it is not gone; else empty.
  std::string watchdog_evidence() const;
  /// Its main process had crashed, and now is known how.
  void on_diagnosed(const std::string& signature, const std::string& text, BootTime when);
  /// Whether a process that is being dumped is, or was until its successor started, the main one.
  /// @pre  `pid` is the number of `process`.
  bool is_crashing_main(const sys::Pidfd& process, pid_t pid) const;
  /// @return what is to be done with a process of this unit that is being dumped.
  CrashedUnit crashed_unit(pid_t pid) const;
  void on_notify(const NotifyMessage& message, pid_t sender, std::vector<UniqueFd> fds);
  /// A process somewhere ended: perhaps the last one of a unit that is being stopped.
  void check_stopped();

  /// Goes on where a predecessor was. `held`: the fd store's descriptors are taken out of it.
  void adopt(UnitState state, std::map<std::string, UniqueFd>& held);
  /// After the exit records that waited were delivered: what is gone without a trace has ended.
  void finish_adoption();
  /// True if the pid is in one of this unit's cgroups, or is a process it started.
  bool owns(pid_t pid) const;

 private:
  struct LiveProcess {
    ProcessId id;
    sys::Pidfd pidfd;
    unsigned slot = ProcessTable::kNoSlot;
    sys::Subscription watch;            ///< only for processes that the keeper cannot reap
    std::optional<BootTime> crashed{};  ///< when the kernel began to dump it; none: not known
    bool valid() const { return id.pid > 0; }
  };
  enum class Role : std::uint8_t { kMain, kControl, kStandby };
  /// Of programs that do not say when they are ready: long enough to initialize, and harmless if it
  /// is not, since such a one serves as the main process does.
  static constexpr Nanoseconds kWarmUp = std::chrono::milliseconds(500);
  /// Of a unit with CrashHandover=early: what its main process listens on, found out while there is
  /// time.
  struct Handover {
    sys::Subscription timer;
    std::vector<sys::TcpListener> listeners;
  };
  /// Of a unit with HealthCheck=, from its first start on.
  struct Health {
    std::unique_ptr<HealthProbe> probe;
    std::optional<HealthTracker> tracker;
    sys::Subscription timer;
    BootTime probe_began;
    Nanoseconds usual{0};  ///< what the last good check took
    std::optional<bool> healthy;
    std::string detail;
    LiveProcess command;
    std::function<void(Status)> command_done;
  };

  /// While the main process is being replaced.
  struct Rejuvenation {
    LiveProcess retiring;  ///< the replaced one; not valid before the successor is ready
    SparseOptional<Completion> done;
    sys::Subscription timer;
    bool said_ready = false;             ///< the successor did; it serves once a reload is over
    bool switched = false;               ///< the successor is the main process
    std::string status;                  ///< STATUS= of the successor
    std::vector<std::string> to_remove;  ///< from the descriptor store, once it serves
    unsigned checks = 0;
    std::optional<BootTime> failing_since;
    std::optional<BootTime> gone;  ///< when the old one, and what came with it, was
    bool gap = false;              ///< a health check failed meanwhile
    bool interrupted = false;  ///< the successor is down already; only the old one's end is awaited
  };
  /// A program that OnPredicted= wants to be run.
  struct Reaction {
    LiveProcess command;
    std::string cause;
    sys::Subscription timer;
  };

  // service.cc: phases
  void set_phase(Phase phase);
  void begin_stop(const StopReason& reason);
  void save();
  void enter(Phase phase);
  const std::vector<unit::ExecCommand>& commands_of(Phase phase) const;
  void run_next_command();
  void phase_done();
  void complete(SparseOptional<Completion>& waiting, Status status);
  /// Waits along with who waits already.
  static void add_completion(SparseOptional<Completion>& waiting, Completion done);
  void arm_phase_timer(unit::TimeSpan timeout);
  void on_phase_timeout();

  // service_start.cc: from dead to running
  void begin_start();
  void enter_start();
  void limit_cgroup(const sys::Cgroup& cgroup);
  void renew_cgroup(sys::Cgroup& cgroup);
  void let_it_serve();
  Status launch(const unit::ExecCommand& command, Role role, LiveProcess& into);
  void add_result_to(LaunchInputs& inputs) const;
  SavedProcess& saved_for(Role role);
  void launch_main();
  void start_failed(Error error);
  void look_for_forked_main();
  void take_main(pid_t pid);
  void enter_running();
  void become_ready();
  bool joins_v1_at_birth() const;

  // service_exit.cc: processes end
  void on_main_exit(pid_t pid, const sys::ExitStatus& status, BootTime when);
  void on_control_exit(const sys::ExitStatus& status);
  void reload_failed(const std::string& why);
  void on_standby_exit(const sys::ExitStatus& status);
  /// @param pid  of a main process that has ended; 0: it is there, or was no main one.
  void handle_down(Outcome outcome, BootTime seen, pid_t pid = 0);
  std::vector<std::string> oom_evidence();
  void tell_of_death(pid_t pid, const sys::ExitStatus& status, const std::string& event,
                     std::vector<std::string> oom, BootTime when);
  bool remains_without_process() const;
  void main_has_finished(BootTime when);
  void remain_after_exit();
  void forget(LiveProcess& process);
  void release_later(unsigned slot) { to_release_.push_back(slot); }

  // service_crash.cc: a crash that the kernel announces
  bool early_start_possible() const;
  bool takes_listeners() const;  ///< from a crashed main process, for its successor
  void kill_leftovers_now();
  void release_peers(const LiveProcess& process);  ///< its clients hear of its end now
  void release_more_peers();
  bool dump_is_not_ours() const;           ///< of the next crash: it goes past our core socket
  std::string end_event(pid_t pid) const;  ///< id of the event that tells, or will, of its end

  // service_stop.cc: from running to dead
  void enter_stop_signal();
  void signal_processes(int signal, bool main_only);
  void signal_others(const sys::Cgroup& cgroup, int signal);
  void enter_final_kill();
  bool anything_left();
  bool has_cgroup() const { return cgroup_a_.valid() || cgroup_b_.valid(); }
  bool look_for_strays();
  void enter_stop_post();
  void finish_down();
  void schedule_restart(Nanoseconds delay);
  void settle(Phase phase);
  void drop_fd_store();

  // service_watch.cc: health check, watchdog
  void start_watching();
  void look_for_listeners_soon();
  void stop_watching();
  void arm_watchdog();
  void schedule_health_check();
  void on_health_result(const Status& result);
  /// When it stopped to serve, of which an end that was seen at `seen` tells only the latest
  /// moment.
  BootTime down_since(BootTime seen) const;
  void kill_hung(Outcome outcome, std::string why);
  bool is_of_other_instance(pid_t pid);
  bool is_stored(int fd) const;
  /// @return under which names; neither it nor the other saves the state.
  std::vector<std::string> store_descriptors(const NotifyMessage& message,
                                             std::vector<UniqueFd> fds);
  void remove_descriptors(const std::vector<std::string>& names);
  std::vector<std::string> stored_as(const std::string& label) const;

  // service_commands.cc
  Result<LiveProcess> spawn_beside(LaunchInputs inputs);
  void run_health_command(std::function<void(Status)> done);
  Result<LiveProcess> start_reaction(const unit::ExecCommand& command,
                                     std::map<std::string, std::string> environment);

  // service_standby.cc
  void launch_standby();
  void try_freeze_standby();
  bool standby_has_connections() const;
  bool thaw_standby();
  void promote_standby(BootTime when);
  void drop_standby();
  sys::Cgroup* cgroup_for(Role role);
  void make_cgroup(bool b);

  // service_successor.cc: what is to replace it
  void launch_successor();
  void await_successor(Nanoseconds timeout);
  void on_successor_message(const NotifyMessage& message, std::vector<UniqueFd> fds);
  void successor_ready();

  // service_rejuvenate.cc
  bool can_overlap() const;
  bool says_ready() const;
  bool is_retiring() const { return rejuvenation_ && rejuvenation_->retiring.valid(); }
  /// A retiring process goes on by itself beside whatever the unit does, unless all shall end.
  bool spares_retiring() const {
    return is_retiring() && state_.wanted && !state_.restart_after_stop;
  }
  void retire();
  void end_retiring_group();
  void on_retired(const sys::ExitStatus& status);
  void retired();
  /// @return false: the replacement is over with it, and so is this watch.
  bool note_check(bool good);
  /// It is not seen to serve: the replacement was a failure, and an unplanned downtime.
  void not_proved();
  Nanoseconds proved_by() const;
  void finish_rejuvenation();
  void rejuvenation_failed(Error why);
  /// The unit goes down, or is asked to: whatever replacement is under way is not what counts now.
  /// @param when  it went down.
  void interrupt_rejuvenation(BootTime when, const std::string& why = "the unit went down");
  void end_own_downtime(BootTime when);
  void resume_rejuvenation();

  // service_record.cc: the ledger
  std::string emit(std::string kind, ledger::Severity severity, std::string detail_json,
                   std::string caused_by = {});
  /// For what happens once in an instance's life: the id is derived from it, so that a successor
  /// that goes through the same exit again says nothing new.
  std::string emit_once(std::string kind, ledger::Severity severity, std::string detail_json,
                        std::string caused_by = {});
  void emit_with_id(std::string id, std::string kind, ledger::Severity severity,
                    std::string detail_json, std::string caused_by);
  void open_downtime(BootTime start, bool planned, const std::string& cause_event);
  /// Saves the state, and ends the downtime if there is one.
  void close_downtime();

  // service_adopt.cc
  void restore_process(const SavedProcess& saved, LiveProcess& into);
  void watch_orphan(LiveProcess& process);
  void resume_phase();
  void resume_start();

  std::shared_ptr<const unit::Unit> unit_;
  Context& context_;
  ServiceObserver& observer_;
  UnitState state_;
  LiveProcess main_, control_, standby_;
  Sparse<std::vector<LiveProcess>> dying_;
  Sparse<std::vector<Stray>> strays_;  ///< without cgroups, while it stops
  Sparse<std::set<std::string>> stray_ids_;
  sys::Cgroup cgroup_a_, cgroup_b_;
  std::unique_ptr<LogCapture> log_;
  Sparse<std::map<std::string, UniqueFd>> fd_store_;  ///< by the keeper's name
  SparseOptional<Completion> start_done_, stop_done_, reload_done_;
  sys::Subscription phase_timer_, restart_timer_, watchdog_timer_, poll_timer_, runtime_timer_;
  sys::Subscription standby_timer_, peers_timer_;
  std::unique_ptr<Health> health_;
  std::unique_ptr<Handover> handover_;
  std::unique_ptr<CrashPeers> peers_;
  std::unique_ptr<Rejuvenation> rejuvenation_;
  std::unique_ptr<Reaction> reaction_;
  std::optional<Nanoseconds> watchdog_;
  bool start_gave_error_ = false;
  /// Slots of processes that have ended. They are emptied only after the next save: until then the
  /// file names them, and a successor must still be able to match an exit record with them.
  Sparse<std::vector<unsigned>> to_release_;
};

}  // namespace nines::supervise
