// The Backend of the real daemon: the manager's units, the ledger's events, in the API's words.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/supervise/manager.h"
#include "daemon/backend.h"
#include "daemon/ledger_queries.h"
#include "ledger/writer.h"

namespace nines::daemon {

/// What the backend is told about its daemon.
struct DaemonFacts {
  std::string runtime_dir;
  std::string database;
  pid_t keeper_pid = 0;
  UtcTime started;
  std::function<void()> reexec;  ///< ends this worker; its successor is a new program
};

class SupervisorBackend final : public Backend {
 public:
  SupervisorBackend(sys::EventLoop& loop, supervise::Manager& manager, ledger::LedgerWriter& ledger,
                    DaemonFacts facts);
  ~SupervisorBackend() override;

  api::DaemonStatus status() override;
  std::vector<api::UnitStatus> units() override;
  Result<api::UnitStatus> unit(const std::string& name) override;
  void act(api::Verb verb, const std::vector<std::string>& names, const api::ActOptions& options,
           Done done) override;
  Result<std::vector<std::string>> load(const std::string& name, const std::string& text) override;
  Result<std::vector<api::LogLine>> logs(const std::string& name, std::size_t lines) override;
  Result<sys::Subscription> subscribe_logs(
      const std::string& name, std::function<void(const api::LogLine&)> on_line) override;
  Result<std::vector<ledger::Event>> events(const api::EventFilter& filter) override;
  sys::Subscription subscribe_events(std::function<void(const ledger::Event&)> on_event) override;
  void why(const api::GetWhy& get, std::function<void(Result<ledger::WhyReport>)> done) override;
  void story(const std::string& event,
             std::function<void(Result<ledger::EventStory>)> done) override;
  Result<std::function<void()>> prepare_reexec() override;

 private:
  struct EventHub;

  sys::EventLoop& loop_;
  supervise::Manager& manager_;
  ledger::LedgerWriter& ledger_;
  DaemonFacts facts_;
  std::string instance_;
  std::shared_ptr<EventHub> hub_;
  LedgerQueries queries_;
  bool committed_since_start_ = false;
};

}  // namespace nines::daemon
