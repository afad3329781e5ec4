// A small Backend that lives in memory, for tests of what stands above it.
#pragma once

#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "daemon/backend.h"

namespace nines::daemon {

/// Knows the units that a test puts into `units_by_name`; verbs move their state and emit events.
class TestBackend : public Backend {
 public:
  std::map<std::string, api::UnitStatus> units_by_name;
  std::map<std::string, std::vector<api::LogLine>> logs_by_name;
  std::vector<ledger::Event> history;
  bool hold = false;  ///< verbs wait in `held` instead of being answered
  std::vector<std::function<void()>> held;
  bool reexec_refused = false;
  int reexecs = 0;
  std::string instance = "first";

  TestBackend() = default;

  api::UnitStatus& add(const std::string& name, api::UnitState state) {
    api::UnitStatus& unit = units_by_name[name];
    unit.name = name;
    unit.state = state;
    if (state == api::UnitState::kRunning) unit.main_pid = 4242;
    return unit;
  }

  void emit(const std::string& kind, const std::string& unit) {
    ledger::Event event;
    event.id = ledger::new_id();
    event.time = utc_now();
    event.since_boot = boot_now();
    event.kind = kind;
    event.subject = unit;
    history.push_back(event);
    const auto listeners = event_listeners_;
    for (const auto& [unused, listener] : listeners) listener(event);
  }

  void write_line(const std::string& unit, const std::string& text) {
    logs_by_name[unit].push_back(api::LogLine{utc_now(), "out", text});
    const auto listeners = log_listeners_;
    for (const auto& [unused, listener] : listeners) {
      if (listener.first == unit) listener.second(logs_by_name[unit].back());
    }
  }

  std::size_t subscriptions() const { return event_listeners_.size() + log_listeners_.size(); }

  api::DaemonStatus status() override {
    api::DaemonStatus daemon;
    daemon.version = "0.1.0";
    daemon.instance = instance;
    daemon.pid = ::getpid();
    daemon.started = UtcTime{1};
    daemon.units = units_by_name.size();
    daemon.ledger_detail = "ok";
    daemon.cgroup_mode = "v2";
    return daemon;
  }

  std::vector<api::UnitStatus> units() override {
    std::vector<api::UnitStatus> all;
    for (const auto& [unused, unit] : units_by_name) all.push_back(unit);
    return all;
  }

  Result<api::UnitStatus> unit(const std::string& name) override {
    if (api::UnitStatus* found = find(name)) return *found;
    return unknown(name);
  }

  void act(api::Verb verb, const std::vector<std::string>& names, const api::ActOptions& options,
           Done done) override {
    const auto go = [this, verb, names, done] {
      std::vector<api::UnitResult> results;
      for (const std::string& name : names) results.push_back(apply(verb, name));
      done(std::move(results));
    };
    if (hold && !options.no_block) {
      held.emplace_back(go);
    } else {
      go();
    }
  }

  Result<std::vector<std::string>> load(const std::string& name, const std::string& text) override {
    if (text.find("[Service]") == std::string::npos) {
      return Error(ErrorCode::kInvalidArgument, "load", name).with_detail("no [Service] section");
    }
    add(name, api::UnitState::kStopped);
    return std::vector<std::string>{"PrivateTmp= is not honoured"};
  }

  Result<std::vector<api::LogLine>> logs(const std::string& name, std::size_t lines) override {
    const api::UnitStatus* found = find(name);
    if (found == nullptr) return unknown(name);
    const auto& all = logs_by_name[found->name];
    const std::size_t skipped = all.size() - std::min(lines, all.size());
    return std::vector(all.begin() + static_cast<std::ptrdiff_t>(skipped), all.end());
  }

  Result<sys::Subscription> subscribe_logs(
      const std::string& name, std::function<void(const api::LogLine&)> on_line) override {
    const api::UnitStatus* found = find(name);
    if (found == nullptr) return unknown(name);
    return subscribe(log_listeners_, std::pair(found->name, std::move(on_line)));
  }

  void why(const api::GetWhy& get, std::function<void(Result<ledger::WhyReport>)> done) override {
    ledger::WhyReport report;
    report.to = utc_now();
    report.from =
        get.since.value_or(UtcTime{report.to.ns - api::kDefaultWhyWindow / Nanoseconds(1)});
    for (const auto& [name, unused] : units_by_name) {
      if (!get.unit.empty() && name != get.unit) continue;
      ledger::History past;
      past.unit = name;
      report.units.push_back(ledger::analyse(past, report.from, report.to));
    }
    if (report.units.empty()) return done(Error(ErrorCode::kNotFound, "why", get.unit));
    done(std::move(report));
  }
  void story(const std::string& event,
             std::function<void(Result<ledger::EventStory>)> done) override {
    for (const ledger::Event& known : history) {
      if (known.id != event) continue;
      ledger::EventStory story;
      story.event.event = known;
      return done(std::move(story));
    }
    done(Error(ErrorCode::kNotFound, "find event", event));
  }

  Result<std::vector<ledger::Event>> events(const api::EventFilter& filter) override {
    std::vector<ledger::Event> matching;
    bool seen = filter.after.empty();
    for (const auto& event : history) {
      if (!std::exchange(seen, seen || event.id == filter.after)) continue;
      if (!filter.unit.empty() && event.subject != filter.unit) continue;
      if (filter.since && event.time < *filter.since) continue;
      matching.push_back(event);
    }
    if (!seen) return Error(ErrorCode::kNotFound, "events after", filter.after);
    if (filter.after.empty() && matching.size() > filter.limit) {
      matching.erase(matching.begin(), matching.end() - static_cast<std::ptrdiff_t>(filter.limit));
    }
    return matching;
  }

  sys::Subscription subscribe_events(std::function<void(const ledger::Event&)> on_event) override {
    return subscribe(event_listeners_, std::move(on_event));
  }

  Result<std::function<void()>> prepare_reexec() override {
    if (reexec_refused) {
      return Error(ErrorCode::kNotFound, "re-exec").with_detail("the new program is not there");
    }
    return std::function<void()>([this] {
      ++reexecs;
      instance = "second";
    });
  }

 private:
  template <typename Map>
  struct Entry : sys::Subscription::Impl {
    Entry(Map& map, int key) : map_(map), key_(key) {}
    ~Entry() override { map_.erase(key_); }
    Map& map_;
    int key_;
  };

  template <typename Map, typename Listener>
  sys::Subscription subscribe(Map& map, Listener listener) {
    const int key = next_key_++;
    map.emplace(key, std::move(listener));
    return sys::Subscription(std::make_unique<Entry<Map>>(map, key));
  }

  static Error unknown(const std::string& name) {
    return Error(ErrorCode::kNotFound, "unit", name)
        .with_detail("no such unit")
        .with_hint("looked in /etc/systemd/system");
  }

  api::UnitStatus* find(const std::string& name) {
    for (const std::string& candidate : {name, name + ".service"}) {
      if (const auto it = units_by_name.find(candidate); it != units_by_name.end()) {
        return &it->second;
      }
    }
    return nullptr;
  }

  api::UnitResult apply(api::Verb verb, const std::string& name) {
    api::UnitResult result{name, {}, "", {}};
    api::UnitStatus* unit = find(name);
    if (unit == nullptr) {
      result.error = api::ErrorBody::from(unknown(name));
    } else if (name.rfind("broken", 0) == 0 && verb != api::Verb::kStop) {
      unit->state = api::UnitState::kFailed;
      emit("unit.gave-up", unit->name);
      result.error = api::ErrorBody::from(
          Error(ErrorCode::kIo, "start", unit->name).with_detail("exited with 203"));
    } else {
      change(verb, *unit, result);
    }
    return result;
  }

  void change(api::Verb verb, api::UnitStatus& unit, api::UnitResult& result) {
    if (verb == api::Verb::kKeep || verb == api::Verb::kUnkeep) {
      unit.kept = verb == api::Verb::kKeep;
    }
    if (verb == api::Verb::kStop) {
      add(unit.name, api::UnitState::kStopped).main_pid.reset();
      emit("unit.stopped", unit.name);
      result.message = "stopped";
    } else if (verb != api::Verb::kUnkeep) {
      add(unit.name, api::UnitState::kRunning);
      emit("unit.ready", unit.name);
      result.message = "ready after 12.0 ms";
    }
  }

  int next_key_ = 0;
  std::map<int, std::function<void(const ledger::Event&)>> event_listeners_;
  std::map<int, std::pair<std::string, std::function<void(const api::LogLine&)>>> log_listeners_;
};

}  // namespace nines::daemon
