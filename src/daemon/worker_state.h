// What the worker's files share: the parts it is wired from, and how far it is.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/supervise/manager.h"
#include "base/unique_fd.h"
#include "daemon/crash_catcher.h"
#include "daemon/forecaster.h"
#include "daemon/http_server.h"
#include "daemon/supervisor_backend.h"
#include "daemon/worker.h"
#include "ledger/writer.h"
#include "sys/event_loop.h"

namespace nines::daemon {

struct Worker::State {
  DaemonOptions options;
  std::vector<std::string> worker_argv;
  std::string keeper_path;

  sys::EventLoop loop;
  std::unique_ptr<supervise::KeeperLink> keeper;
  std::unique_ptr<ledger::LedgerWriter> ledger;
  std::unique_ptr<supervise::Manager> manager;
  std::unique_ptr<SupervisorBackend> backend;
  std::unique_ptr<HttpServer> server;
  std::unique_ptr<Forecaster> forecaster;
  std::unique_ptr<CrashCatcher> crashes;
  sys::Subscription forecaster_events;
  UniqueFd runtime_lock, state_lock, api_listener, core_listener;
  sys::Subscription keeper_retry, ready_retry, trim;
  bool successor = false;  ///< of a worker that ended while its keeper went on
  bool stopping = false;
  bool foreground_began = false;
  bool asked_to_stop = false;  ///< by a signal
  bool ready = false;
  bool over = false;  ///< the keeper was told to end after us
  UtcTime started = utc_now();

  Status take_locks(std::map<std::string, UniqueFd>& held);
  bool leaves_service();
  void tell_ready();
  Status open_ledger();
  Status open_api(std::map<std::string, UniqueFd>& held);
  Status open_core_socket(std::map<std::string, UniqueFd>& held);
  Status start_units();
  void trim_memory_soon();
  void on_signal(int signal);
  void on_keeper_lost();
  void stop_in_order();
  void finish(int code);
  void reexec();
  std::vector<const supervise::Service*> foreground_services() const;
  int foreground_code() const;
  void check_foreground();
};

}  // namespace nines::daemon
