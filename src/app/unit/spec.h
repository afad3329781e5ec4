// What a unit file means, typed. The parser fills it, the supervisor acts on it; neither knows
// the other.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/sparse.h"
#include "base/types.h"

namespace nines::unit {

/// Lists that most units leave empty; a daemon holds thousands of units.
using Names = Sparse<std::vector<std::string>>;

/// "infinity" is a value of its own: no time-out, no cap.
using TimeSpan = std::optional<Nanoseconds>;

enum class ServiceType : std::uint8_t {
  kSimple,
  kExec,
  kNotify,
  kNotifyReload,
  kForking,
  kOneshot,
  kIdle
};
enum class RestartPolicy : std::uint8_t {
  kNo,
  kAlways,
  kOnSuccess,
  kOnFailure,
  kOnAbnormal,
  kOnAbort,
  kOnWatchdog
};
enum class KillMode : std::uint8_t { kControlGroup, kMixed, kProcess, kNone };
enum class NotifyAccess : std::uint8_t { kNone, kMain, kExec, kAll };
enum class OutputKind : std::uint8_t { kLog, kNull, kInherit, kFile, kAppend, kTruncate, kSocket };

/// One Exec*= line, specifiers resolved, still with ${VARIABLES}, which are expanded at start from
/// the environment of the unit as systemd.service(5) says.
struct ExecCommand {
  std::string path;               ///< absolute, or a bare name to look up in the fixed search path
  std::vector<std::string> argv;  ///< argv[0] first ('@' prefix: it differs from path)
  bool ignore_failure = false;    ///< '-'
  bool full_privileges = false;   ///< '+' and '!': User=, limits etc. do not apply
  bool no_expand = false;         ///< ':'
  int line = 0;                   ///< for messages
};

using Commands = Sparse<std::vector<ExecCommand>>;

/// SuccessExitStatus= and friends: codes and signal numbers.
struct ExitStatusSet {
  Sparse<std::set<int>> codes;
  Sparse<std::set<int>> signals;
};

struct OutputTarget {
  OutputKind kind = OutputKind::kLog;
  std::string path;  ///< kFile, kAppend, kTruncate
  friend bool operator==(const OutputTarget&, const OutputTarget&) = default;
};

struct EnvironmentFile {
  std::string path;
  bool optional = false;  ///< '-' prefix
  friend bool operator==(const EnvironmentFile&, const EnvironmentFile&) = default;
};

/// RuntimeDirectory=, StateDirectory= ...
struct ManagedDirectories {
  std::vector<std::string> names;  ///< relative, below /run, /var/lib, /var/cache, /var/log, /etc
  mode_t mode = 0755;
  friend bool operator==(const ManagedDirectories&, const ManagedDirectories&) = default;
};
enum class Preserve : std::uint8_t { kNo, kYes, kRestart };

struct Condition {
  std::string kind;  ///< "PathExists", "DirectoryNotEmpty", "FileIsExecutable", "User" ...
  std::string argument;
  bool negate = false;     ///< '!'
  bool trigger = false;    ///< '|'
  bool assertion = false;  ///< Assert*= instead of Condition*=
};

/// [X-Nines] HealthCheck=
struct HealthCheck {
  enum class Kind : std::uint8_t { kTcp, kHttp, kCommand };
  Kind kind = Kind::kTcp;
  std::string host;  ///< kTcp, kHttp
  std::uint16_t port = 0;
  std::string http_path = "/";
  int http_status_min = 200;
  int http_status_max = 399;
  std::string send;     ///< kTcp: bytes to send after connecting (HealthCheckSend=, C escapes)
  std::string expect;   ///< kTcp: must appear in the answer (HealthCheckExpect=)
  ExecCommand command;  ///< kCommand: exit code 0 is healthy
  Nanoseconds interval = std::chrono::seconds(10);  ///< HealthCheckInterval=
  Nanoseconds timeout = std::chrono::seconds(2);    ///< HealthCheckTimeout=
  Nanoseconds start_period = Nanoseconds(0);  ///< HealthCheckStartPeriod=: failures do not count
  int failures_to_unhealthy = 3;              ///< HealthCheckFailures=
  int successes_to_healthy = 1;               ///< HealthCheckSuccesses=
};

/// When the successor of a crashed process starts.
enum class CrashHandover : std::uint8_t {
  kAuto,      ///< early where we hold its listening sockets, else once it is gone
  kEarly,     ///< when the kernel begins to take it down; its own listening sockets are freed
  kWait,      ///< once it is gone, with its locks
  kKillDump,  ///< the same, and of its memory no more is kept than takes milliseconds
};

/// How much of a crashed process's memory is kept.
enum class CrashCore : std::uint8_t {
  kAuto,     ///< all of it, if it is worth that and nobody waits; else what a backtrace needs
  kNone,     ///< nothing
  kMinimal,  ///< what a backtrace needs
  kFull,     ///< all of it
};

/// What is done about a failure that is foretold (`nines why` has the predictors).
enum class OnPredicted : std::uint8_t {
  kWarn,        ///< the warning in the ledger is all
  kRejuvenate,  ///< the process is replaced before the limit is hit
  kCommand,     ///< a program is run
};

/// The [X-Nines] section.
struct NinesSection {
  std::optional<double> availability_target;  ///< AvailabilityTarget=99.99% -> 0.9999
  int standby = 0;                            ///< Standby=1: one warm spare
  CrashHandover crash_handover = CrashHandover::kAuto;
  CrashCore crash_core = CrashCore::kAuto;
  std::optional<Bytes> crash_core_limit;  ///< CrashCoreLimit=; none: as large as it is
  SparseOptional<HealthCheck> health_check;
  OnPredicted on_predicted = OnPredicted::kWarn;
  SparseOptional<ExecCommand> predicted_command;          ///< OnPredicted=command:PROGRAM ARGUMENTS
  Nanoseconds healthy_uptime = std::chrono::seconds(10);  ///< HealthyUptime=: resets the backoff
};

struct UnitSection {
  SparseText description;
  Names documentation;
  Names requires_units, requisite, wants, binds_to, part_of, upholds;
  Names conflicts, before, after, on_failure, on_success;
  Sparse<std::vector<Condition>> conditions;
  /// Only what the unit itself says: without it there is no limit and we never give up.
  std::optional<Nanoseconds> start_limit_interval;
  std::optional<unsigned> start_limit_burst;
};

struct KillSettings {
  KillMode mode = KillMode::kControlGroup;
  int kill_signal = 15;
  int restart_kill_signal = 0;  ///< 0: as kill_signal
  int final_signal = 9;
  int watchdog_signal = 6;
  bool send_sighup = false;
  bool send_sigkill = true;
};

struct ResourceLimit : rlimit {
  friend bool operator==(const ResourceLimit& a, const ResourceLimit& b) {
    return a.rlim_cur == b.rlim_cur && a.rlim_max == b.rlim_max;
  }
};

/// How to execute: shared by .service and the commands of .socket units.
struct ExecSettings {
  std::string user, group;
  std::vector<std::string> supplementary_groups;
  bool dynamic_user = false;
  std::string working_directory;  ///< "~": the user's home
  bool working_directory_optional = false;
  std::string root_directory;
  mode_t umask = 0022;
  std::optional<int> nice;
  std::optional<int> oom_score_adjust;
  std::vector<unsigned> cpu_affinity;  ///< empty: as inherited
  std::optional<int> cpu_scheduling_policy;
  std::optional<int> cpu_scheduling_priority;
  std::optional<int> io_scheduling_class;
  std::optional<int> io_scheduling_priority;
  std::map<int, ResourceLimit> limits;  ///< RLIMIT_* -> value
  /// In order; later wins. Specifiers resolved.
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<EnvironmentFile> environment_files;
  std::vector<std::string> pass_environment, unset_environment;
  OutputTarget standard_output, standard_error;
  bool standard_error_set = false;  ///< unset: as standard output
  std::string standard_input_path;  ///< empty: /dev/null
  std::string syslog_identifier;
  ManagedDirectories runtime_directory, state_directory, cache_directory, logs_directory,
      configuration_directory;
  Preserve runtime_directory_preserve = Preserve::kNo;
  bool no_new_privileges = false;
  std::optional<std::uint64_t> capability_bounding_set;  ///< bit n = capability n
  std::uint64_t ambient_capabilities = 0;
  bool ignore_sigpipe = true;
  bool private_tmp = false;  ///< parsed; warned about where it is not honoured
  friend bool operator==(const ExecSettings&, const ExecSettings&) = default;
};

struct ResourceSettings {
  std::optional<Bytes> memory_max, memory_high;
  std::optional<std::uint64_t> tasks_max;
  std::optional<std::uint64_t> cpu_weight;
  std::optional<double> cpu_quota;
  friend bool operator==(const ResourceSettings&, const ResourceSettings&) = default;
};

struct ServiceSection {
  ServiceType type = ServiceType::kSimple;
  bool remain_after_exit = false;
  SparseText pid_file;
  bool guess_main_pid = true;
  SparseText bus_name;
  Commands exec_condition, exec_start_pre, exec_start, exec_start_post, exec_reload, exec_stop,
      exec_stop_post;
  /// Unset: `always` for anything but oneshot, since to keep it up is what we are asked for.
  std::optional<RestartPolicy> restart;
  std::optional<Nanoseconds> restart_sec;  ///< unset: first retry at once, then backoff
  std::optional<unsigned> restart_steps;
  TimeSpan restart_max_delay;  ///< unset: 30 s cap
  bool restart_max_delay_set = false;
  TimeSpan timeout_start = std::chrono::seconds(90);
  bool timeout_start_set = false;  ///< oneshot has no start time-out unless set
  TimeSpan timeout_stop = std::chrono::seconds(90);
  TimeSpan timeout_abort;
  bool timeout_abort_set = false;
  TimeSpan runtime_max;  ///< nullopt: no limit
  std::optional<Nanoseconds> watchdog;
  ExitStatusSet success_exit_status, restart_prevent, restart_force;
  NotifyAccess notify_access = NotifyAccess::kNone;
  bool notify_access_set = false;
  unsigned fd_store_max = 0;
  Names sockets;  ///< Sockets=
};

struct ServiceUnit {
  ServiceSection service;
  CopyOnWrite<ExecSettings> exec;
  KillSettings kill;
  CopyOnWrite<ResourceSettings> resources;
  NinesSection nines;
};

/// One Listen*= line.
struct SocketListen {
  enum class Kind : std::uint8_t { kStream, kDatagram, kSeqpacket, kFifo };
  Kind kind = Kind::kStream;
  std::string text;  ///< as written, for messages: "127.0.0.1:6379", "/run/x.sock", "@abstract"
  enum class Family : std::uint8_t { kUnix, kInet, kInet6 };
  Family family = Family::kInet;
  std::string address;  ///< unix path ('@' first: abstract), or numeric IP
  std::uint16_t port = 0;
  std::string interface;  ///< "%eth0" scope, or empty
};

struct SocketUnit {
  std::vector<SocketListen> listen;
  bool accept = false;
  std::string service;  ///< Service=, default the same name
  std::string fd_name;  ///< FileDescriptorName=, default the unit's name
  int backlog = 4096;
  std::optional<bool> bind_ipv6_only;
  bool reuse_port = false, keep_alive = false, no_delay = false, free_bind = false,
       transparent = false, broadcast = false, pass_credentials = false;
  std::optional<Bytes> receive_buffer, send_buffer;
  std::optional<int> mark, priority, defer_accept_sec, fast_open_queue;
  std::string bind_to_device;
  std::string socket_user, socket_group;
  mode_t socket_mode = 0666;
  mode_t directory_mode = 0755;
  bool remove_on_stop = false;
  Names symlinks;
  CopyOnWrite<ExecSettings> exec;
  KillSettings kill;
  TimeSpan timeout = std::chrono::seconds(90);
  Commands exec_start_pre, exec_start_post, exec_stop_pre, exec_stop_post;
};

/// A target only orders and groups others.
struct TargetUnit {};

struct InstallSection {
  Names wanted_by, required_by, also, alias;
};

/// One loaded unit: file, drop-ins and specifiers all resolved.
struct Unit {
  std::string name;                ///< "redis-server.service", "postgresql@15-main.service"
  SparseText instance;             ///< "15-main", or empty
  std::vector<std::string> files;  ///< the fragment, then its drop-ins in order
  UnitSection unit;
  InstallSection install;
  std::variant<ServiceUnit, SocketUnit, TargetUnit> body;

  const ServiceUnit* service() const { return std::get_if<ServiceUnit>(&body); }
  const SocketUnit* socket() const { return std::get_if<SocketUnit>(&body); }
};

}  // namespace nines::unit
