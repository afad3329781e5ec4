#include "app/unit/check.h"

#include <fmt/format.h>

#include <algorithm>

namespace nines::unit {
namespace {

class Checker {
 public:
  Checker(Draft& draft, const std::string& fragment, bool has_socket)
      : draft_(draft), service_(draft.service), fragment_(fragment), has_socket_(has_socket) {}

  void run() {
    const UnitName& name = draft_.name();
    if (name.is_template) {
      error("", fmt::format("{} is a template: name an instance, e.g. {}@NAME.{}", name.full(),
                            name.prefix, name.type));
    }
    start_limit();
    if (name.type == "service") {
      imply();
      privileged_commands();
      commands();
      oneshot();
      readiness();
      nines();
    } else if (name.type == "socket") {
      socket();
    } else if (name.type != "target") {
      error("", fmt::format("nines runs .service, .socket and .target units, no .{}", name.type));
    }
  }

 private:
  void add(DiagnosticLevel level, std::string directive, std::string message) {
    draft_.add({level, fragment_, 0, 0, std::move(directive), std::move(message)});
  }
  void error(std::string directive, std::string message) {
    add(DiagnosticLevel::kError, std::move(directive), std::move(message));
  }
  void warning(std::string directive, std::string message) {
    add(DiagnosticLevel::kWarning, std::move(directive), std::move(message));
  }

  /// One of the two alone takes systemd's default for the other; 0 means no limit.
  void start_limit() {
    constexpr std::chrono::seconds kInterval(10);
    constexpr unsigned kBurst = 5;
    auto& interval = draft_.unit.start_limit_interval;
    auto& burst = draft_.unit.start_limit_burst;
    if (!interval && !burst) return;
    if (!interval) interval = kInterval;
    if (!burst) burst = kBurst;
    if (interval->count() == 0 || *burst == 0) {
      interval.reset();
      burst.reset();
    }
  }

  void imply() {
    if (!draft_.given.type && service_.bus_name.empty() && service_.exec_start.empty()) {
      service_.type = ServiceType::kOneshot;
    }
    if (service_.type == ServiceType::kOneshot && !service_.timeout_start_set)
      service_.timeout_start.reset();
    const bool speaks = service_.type == ServiceType::kNotify ||
                        service_.type == ServiceType::kNotifyReload || service_.watchdog ||
                        service_.fd_store_max > 0;
    if (speaks && service_.notify_access == NotifyAccess::kNone) {
      if (service_.notify_access_set) {
        warning("NotifyAccess", "treated as main: the unit needs to be heard on NOTIFY_SOCKET");
      }
      service_.notify_access = NotifyAccess::kMain;
    }
    for (const std::string& socket : service_.sockets) {
      append(draft_.unit.wants, socket);
      append(draft_.unit.after, socket);
    }
  }

  static void append(std::vector<std::string>& list, const std::string& name) {
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  }

  /// As systemd does it: those commands get the prefix '+'. @source systemd v252, service_load()
  void privileged_commands() {
    if (!draft_.given.permissions_start_only) return;
    for (auto* list :
         {&service_.exec_condition, &service_.exec_start_pre, &service_.exec_start_post,
          &service_.exec_reload, &service_.exec_stop, &service_.exec_stop_post}) {
      if (list->empty()) continue;
      for (ExecCommand& command : list->edit()) command.full_privileges = true;
    }
  }

  void commands() {
    const bool is_oneshot = service_.type == ServiceType::kOneshot;
    if (service_.exec_start.empty()) {
      if (!is_oneshot) {
        error("ExecStart", "no ExecStart=, which only Type=oneshot may do without");
      } else if (service_.exec_stop.empty()) {
        error("ExecStart", "neither ExecStart= nor ExecStop=: there is nothing to run");
      } else if (!service_.remain_after_exit) {
        error("RemainAfterExit",
              "without ExecStart= it would be over at once; set RemainAfterExit=yes");
      }
    }
    if (!is_oneshot && service_.exec_start.size() > 1) {
      error("ExecStart",
            fmt::format("{} commands in ExecStart=, which only Type=oneshot may have; an empty "
                        "ExecStart= in a drop-in takes the earlier ones back",
                        service_.exec_start.size()));
    }
    if (draft_.given.dbus && service_.bus_name.empty())
      error("BusName", "Type=dbus needs BusName=");
  }

  void oneshot() {
    if (service_.type != ServiceType::kOneshot) return;
    if (service_.restart == RestartPolicy::kAlways ||
        service_.restart == RestartPolicy::kOnSuccess) {
      error("Restart",
            "a oneshot that ended well is done: Restart=always and on-success are not for it");
    }
    if (!service_.restart_force.codes.empty() || !service_.restart_force.signals.empty()) {
      error("RestartForceExitStatus", "not for Type=oneshot");
    }
    if (service_.runtime_max)
      warning("RuntimeMaxSec", "no effect with Type=oneshot; use TimeoutStartSec=");
    if (service_.watchdog)
      warning("WatchdogSec", "no effect with Type=oneshot before its commands have ended");
  }

  void readiness() {
    if (service_.type == ServiceType::kForking && service_.pid_file.empty()) {
      warning("PIDFile", service_.guess_main_pid
                             ? "Type=forking without PIDFile=: the main process is guessed, right "
                               "only while there is one"
                             : "Type=forking without PIDFile=: its death is noticed only when all "
                               "its processes are gone");
    }
    if (service_.restart_steps &&
        (!service_.restart_max_delay_set || !service_.restart_max_delay)) {
      warning("RestartSteps", "no effect without RestartMaxDelaySec=");
    }
    if (draft_.kill.mode == KillMode::kNone) {
      warning("KillMode",
              "'none' lets processes live on after a stop, and a successor may meet them");
    }
  }

  void nines() {
    NinesSection& nines = draft_.nines;
    if (draft_.given.health_check) nines.health_check = std::move(draft_.health);
    if (service_.type == ServiceType::kOneshot) {
      if (nines.health_check) error("HealthCheck", "a oneshot has no process to check");
      if (nines.standby > 0) error("Standby", "a oneshot can have no spare");
      return;
    }
    if (nines.standby == 0) return;
    if (service_.type == ServiceType::kForking) {
      warning("Standby", "a forking unit detaches itself; its spare cannot be held back reliably");
    }
    if (service_.sockets.empty() && !has_socket_) {
      warning("Standby",
              "no Sockets= and no .socket of the same name: the spare cannot share a port that the "
              "unit "
              "opens itself");
    }
  }

  void socket() {
    const SocketUnit& socket = draft_.socket;
    if (socket.listen.empty()) error("", "no Listen*= that nines can open");
    if (socket.accept) {
      error("Accept",
            "one instance for each connection: nines hands listening sockets over, it does not "
            "accept "
            "connections; set Accept=no if the program can accept them itself");
    }
    std::string& target = draft_.socket.service;
    if (target.empty()) {
      UnitName same = draft_.name();
      same.type = "service";
      target = same.full();
    }
    if (socket.fd_name.empty()) draft_.socket.fd_name = draft_.name().full();
    if (socket.fd_name.find(':') != std::string::npos || draft_.socket.fd_name.size() > 255) {
      error("FileDescriptorName", "at most 255 characters, no ':'");
    }
    append(draft_.unit.before, target);
  }

  Draft& draft_;
  ServiceSection& service_;
  const std::string& fragment_;
  bool has_socket_;
};

}  // namespace

void finish_draft(Draft& draft, const std::string& fragment, bool has_socket) {
  Checker(draft, fragment, has_socket).run();
}

}  // namespace nines::unit
