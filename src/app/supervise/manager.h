// All units of one daemon: loads them, orders what is asked for, routes what the kernel tells, and
// takes over from a predecessor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/supervise/dependency_graph.h"
#include "app/supervise/keeper_link.h"
#include "app/supervise/notify.h"
#include "app/supervise/process_table.h"
#include "app/supervise/service.h"
#include "app/supervise/socket_unit.h"
#include "app/supervise/unit_state.h"
#include "app/unit/loader.h"
#include "base/result.h"
#include "ledger/event.h"
#include "sys/cgroup.h"
#include "sys/event_loop.h"
#include "sys/proc_connector.h"

namespace nines::supervise {

/// Records the stacks of a hanging process; calls `done` in any case, soon.
using StackRecorder = std::function<void(const std::string& unit, const ProcessId& process,
                                         std::function<void(Result<std::string> path)> done)>;

struct ManagerOptions {
  std::string runtime_dir;  ///< /run/nines: gone after a reboot
  std::string state_dir;    ///< /var/lib/nines: kept
  std::string log_dir;      ///< /var/log/nines
  unit::LoadContext load;
  bool user_mode = false;
  StackRecorder record_stacks;
};

/// What was found out about the crash of a unit's main process.
struct DiagnosedCrash {
  std::string signature;
  std::string text;  ///< for people: "SIGSEGV: null dereference in main()"
  BootTime when;     ///< it crashed
};

/// One loaded unit and what runs of it.
struct UnitEntry {
  std::shared_ptr<const unit::Unit> unit;
  Sparse<std::vector<unit::Diagnostic>> diagnostics;
  std::unique_ptr<Service> service;
  std::unique_ptr<SocketHolder> socket;
  Sparse<std::vector<sys::Subscription>> activation;  ///< waiting for a first connection
  bool target_active = false;
  bool kept = false;  ///< started again with the daemon

  bool is_active() const;
};

class Manager final : public ServiceObserver {
 public:
  using Results = std::map<std::string, Status>;  ///< by unit, of those asked for
  using Completion = std::function<void(Results)>;
  enum class Verb : std::uint8_t {
    kStart,
    kStop,
    kRestart,
    kReload,
    kKeep,
    kUnkeep,
    kResetFailed,
    kRejuvenate
  };

  Manager(ManagerOptions options, sys::EventLoop& loop, KeeperLink& keeper,
          ledger::EventSink& events);
  ~Manager() override;

  /// Opens what is needed and adopts what a predecessor left. `held`: from the keeper.
  /// @errors what makes supervision impossible; else events tell what is weaker than it could be.
  Status initialize(std::map<std::string, UniqueFd> held);
  /// Whether nothing is known of the unit from a predecessor: it is neither running nor was it
  /// stopped by somebody, so that a successor may start it.
  bool begins_anew(const std::string& name) const;
  /// Starts the kept units that do not run yet.
  void start_kept();

  /// @param names  as typed by a person: ".service" may be missing.
  void act(Verb verb, const std::vector<std::string>& names, Completion done);
  /// Listening sockets that are held for a unit.
  std::vector<int> held_sockets(const Service& service);
  /// Does what OnPredicted= of the unit says about a failure that the event `warning` foretells.
  /// @param environment  for a command: NINES_PREDICTOR, NINES_HORIZON_SEC ...
  void on_predicted(const std::string& unit, const std::string& warning,
                    std::map<std::string, std::string> environment, Service::Completion done);
  /// Stops all units, in order, then calls `done`.
  void stop_all(std::function<void()> done);
  /// Writes down all that a successor needs. After this the daemon may end.
  void save_all();

  const std::map<std::string, std::unique_ptr<UnitEntry>>& units() const { return units_; }
  const UnitEntry* find(const std::string& name) const;
  /// Loads (or loads again, when the files changed) without starting anything.
  Result<UnitEntry*> load(const std::string& name);
  /// A unit made of text, kept in the runtime directory until the next boot.
  Status define_transient(const std::string& name, const std::string& text);

  /// Told of each health check that was answered well.
  void set_check_listener(
      std::function<void(const std::string& unit, Nanoseconds latency)> listener) {
    on_check_ = std::move(listener);
  }
  /// Told of each main process that a signal ended.
  void set_death_listener(
      std::function<void(const CrashedUnit& unit, const DeadProcess& dead)> listener) {
    on_death_ = std::move(listener);
  }
  const sys::CgroupTree& cgroups() const { return cgroups_; }
  bool has_crash_notice() const { return connector_.has_value(); }
  void set_change_listener(std::function<void(const std::string& unit)> listener) {
    on_change_ = std::move(listener);
  }

  /// From the keeper.
  void on_exit(const keeper::ExitRecord& record);
  /// The kernel has begun to write down a process: if it is the main one of a unit that allows it,
  /// its successor is started before this returns.
  /// @pre     `pid` is the number of `process`, as the kernel told it with that.
  /// @return  the unit that it is of; nothing: of none.
  std::optional<CrashedUnit> on_crash(const sys::Pidfd& process, pid_t pid);
  /// What came of it. A unit that is no more is left alone.
  void on_diagnosed(const std::string& unit, const DiagnosedCrash& crash);

 private:
  struct Request;
  struct Job;

  // ServiceObserver
  std::vector<std::pair<std::string, int>> listen_fds(const Service& service) override;
  void phase_changed(Service& service, Phase before) override;
  void checked(Service& service, Nanoseconds latency) override;
  void went_down(Service& service, bool will_restart) override;
  void process_started(Service& service, pid_t pid) override;
  void process_ended(pid_t pid) override;
  void process_died(Service& service, const CrashedUnit& unit, const DeadProcess& dead) override;
  void record_stacks(Service& service, const ProcessId& process,
                     std::function<void()> done) override;

  // manager.cc
  std::string end_mark() const { return options_.runtime_dir + "/ended-in-order"; }
  Status open_notify(std::map<std::string, UniqueFd>& held);
  void open_connector();
  void on_proc_events();
  void on_notify(NotifyMessage message, const sys::PeerCredentials& sender,
                 std::vector<UniqueFd> fds);
  /// @return the event's id.
  std::string emit(std::string kind, ledger::Severity severity, std::string subject,
                   std::string detail_json);
  void back_up(Service& service);
  void start_names(const std::vector<std::string>& names);

  // manager_units.cc
  void load_with_dependencies(const std::string& name, std::set<std::string>& seen);
  const DependencyGraph& graph();
  bool is_active(const std::string& name) const;
  Status start_socket(UnitEntry& entry, std::map<std::string, UniqueFd>& held);
  void stop_socket(UnitEntry& entry);
  void watch_for_activation(UnitEntry& socket);
  void save_simple(const UnitEntry& entry, bool active);
  void load_kept();
  Status save_kept() const;

  // manager_jobs.cc
  static std::string full_name(const std::string& name);
  void request_start(const std::vector<std::string>& names, Completion done);
  void request_stop(const std::vector<std::string>& names, Completion done,
                    const StopReason& reason = {});
  void request_restart(const std::vector<std::string>& names, Completion done);
  void request_each(const std::vector<std::string>& names, Verb verb, Completion done);
  void run_ready(const std::shared_ptr<Request>& request);
  void run_start(const std::shared_ptr<Request>& request, std::size_t index);
  void run_stop(const std::shared_ptr<Request>& request, std::size_t index);
  void job_done(const std::shared_ptr<Request>& request, std::size_t index, Status status);

  // manager_adopt.cc
  void adopt(std::map<std::string, UniqueFd>& held);
  void finish_adoption();

  ManagerOptions options_;
  sys::EventLoop& loop_;
  KeeperLink& keeper_;
  ledger::EventSink& events_;
  ProcessTable table_;
  StateStore states_;
  sys::CgroupTree cgroups_;
  CgroupMover mover_;
  std::optional<Context> context_;
  std::optional<NotifySocket> notify_;
  std::optional<sys::ProcConnector> connector_;
  sys::Subscription connector_watch_;
  std::map<std::string, std::unique_ptr<UnitEntry>> units_;
  std::optional<DependencyGraph> graph_;
  std::unordered_map<pid_t, Service*> by_pid_;
  std::set<Service*> stopping_;
  std::map<std::string, std::set<std::string>> restart_when_back_;
  std::set<std::string> kept_;
  std::vector<std::string> adopted_;
  bool ended_in_order_ = false;  ///< the predecessor had stopped all units, as before a reboot
  std::function<void(const std::string&)> on_change_;
  std::function<void(const std::string&, Nanoseconds)> on_check_;
  std::function<void(const CrashedUnit& unit, const DeadProcess& dead)> on_death_;
};

}  // namespace nines::supervise
