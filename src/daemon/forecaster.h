// Watches what units use and how they fare, writes down what is going to fail, and has it prevented
// as OnPredicted= says.
//
// One measurement of a unit costs tens of microseconds. However many units there are, measuring
// gets a fixed share of the daemon's time at most: with many units each is looked at more seldom,
// those that are near a limit first.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/supervise/manager.h"
#include "app/usage/usage.h"
#include "daemon/watched_unit.h"
#include "ledger/event.h"
#include "sys/event_loop.h"

namespace nines::daemon {

class Forecaster {
 public:
  /// All borrowed; outlive it.
  Forecaster(sys::EventLoop& loop, supervise::Manager& manager, ledger::EventSink& events);
  ~Forecaster();
  Forecaster(const Forecaster&) = delete;
  Forecaster& operator=(const Forecaster&) = delete;

  /// Begins with what runs already.
  void start();
  /// @param looks_at  whether a crash.* event follows on an event that tells of a unit's end: then
  ///         the crash counts by its signature, when that is known.
  void set_crashes(std::function<bool(const std::string& event)> looks_at) {
    looks_at_ = std::move(looks_at);
  }
  /// To be told of every event, in their order.
  void on_event(const ledger::Event& event);

 private:
  using Units = std::map<std::string, WatchedUnit>;

  struct Due {
    BootTime at;
    Units::iterator unit;
    /// For the heap functions, which put the largest first.
    friend bool operator<(const Due& a, const Due& b) { return a.at > b.at; }
  };

  void watch(const std::string& unit);
  void add_due(BootTime at, Units::iterator unit);
  void drop_due(Units::iterator unit);
  void arm();
  void measure_due();
  void measure(Units::iterator at, BootTime now);
  void forget(Units::iterator unit);
  void count_failure(const std::string& unit, const std::string& cause, BootTime when);
  void on_failure(const ledger::Event& event);
  void on_crash_looked_at(const ledger::Event& event);
  void on_check(const std::string& unit, Nanoseconds latency);
  void on_forecast(const std::string& unit, const Foretold& foretold);
  /// Whether this instance is still the one that serves.
  bool serves(const std::string& unit, const Id128& instance) const;
  void prevent(const std::string& unit, const policy::Forecast& forecast,
               const std::string& warning, Nanoseconds retry_in);

  sys::EventLoop& loop_;
  supervise::Manager& manager_;
  ledger::EventSink& events_;
  usage::HostCache host_;
  Units units_;
  /// A heap, the earliest first.
  std::vector<Due> due_;
  std::map<std::string, sys::Subscription> retries_;
  std::function<bool(const std::string&)> looks_at_;
  /// Unit -> the event of the last end that counts as a crash that was looked at.
  std::map<std::string, std::string> counted_;
  sys::Subscription timer_;
  BootTime not_before_;  ///< the next measurement, so that they stay within their share
};

}  // namespace nines::daemon
