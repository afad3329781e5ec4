// Manager: from what is asked for to single units started and stopped in order.

#include "app/supervise/event_detail.h"

#include <fmt/format.h>
#include "app/supervise/manager.h"
#include "ledger/cause.h"
#include "sys/file.h"

namespace nines::supervise {

struct Manager::Job {
  std::string name;
  bool stop = false;
  bool running = false;
  bool done = false;
  std::size_t waiting_for = 0;         ///< unsettled jobs before it
  std::vector<std::size_t> followers;  ///< jobs that wait for it
  std::vector<std::size_t> needed_by;  ///< jobs that fail with it
  std::vector<std::string> must_be_active;
  Status failed_dependency;
};

/// One call of act(): jobs in order, and what to say at the end.
struct Manager::Request {
  std::vector<Job> jobs;
  std::vector<std::string> asked;
  std::size_t open = 0;
  Results results;
  Completion done;
  StopReason reason;  ///< where it stops units
};

namespace {

template <typename Items>
std::map<std::string, std::size_t> index_by_name(const Items& items) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < items.size(); ++i) index[items[i].name] = i;
  return index;
}

}  // namespace

std::string Manager::full_name(const std::string& name) {
  for (const char* suffix : {".service", ".socket", ".target"}) {
    if (name.ends_with(suffix)) return name;
  }
  return name + ".service";
}

void Manager::act(Verb verb, const std::vector<std::string>& names, Completion done) {
  std::vector<std::string> full;
  Results failures;
  for (const std::string& name : names) {
    const UnitEntry* known = find(name);
    const bool starts = verb == Verb::kStart || verb == Verb::kRestart || verb == Verb::kKeep;
    if (known == nullptr || (starts && !known->is_active())) {
      auto loaded = load(name);
      if (!loaded) {
        failures[full_name(name)] = std::move(loaded.error());
        continue;
      }
      known = *loaded;
    }
    full.push_back(known->unit->name);
  }
  auto finish = [failures = std::move(failures), done = std::move(done)](Results results) mutable {
    results.merge(failures);
    done(std::move(results));
  };
  if (verb == Verb::kKeep || verb == Verb::kUnkeep) {
    for (const std::string& name : full) {
      if (verb == Verb::kKeep) kept_.insert(name);
      if (verb == Verb::kUnkeep) kept_.erase(name);
      units_[name]->kept = verb == Verb::kKeep;
    }
    if (const Status saved = save_kept(); !saved) {
      emit("daemon.kept-not-saved", ledger::Severity::kError, {},
           detail({{"error", saved.error().message()}}));
    }
  }
  Results all_good;
  for (const std::string& name : full) all_good[name] = {};
  switch (verb) {
    case Verb::kStart:
    case Verb::kKeep: request_start(full, std::move(finish)); break;
    case Verb::kStop: request_stop(full, std::move(finish)); break;
    case Verb::kRestart: request_restart(full, std::move(finish)); break;
    case Verb::kReload:
    case Verb::kRejuvenate: request_each(full, verb, std::move(finish)); break;
    case Verb::kUnkeep: finish(std::move(all_good)); break;
    case Verb::kResetFailed:
      for (const std::string& name : full) {
        if (units_[name]->service) units_[name]->service->reset_failed();
      }
      finish(std::move(all_good));
      break;
  }
}

void Manager::request_start(const std::vector<std::string>& names, Completion done) {
  if (names.empty()) {
    done({});
    return;
  }
  std::set<std::string> seen;
  for (const std::string& name : names) load_with_dependencies(name, seen);
  auto request = std::make_shared<Request>();
  request->asked = names;
  request->done = std::move(done);
  auto plan = graph().start_plan(names);
  if (!plan) {
    for (const std::string& name : names) request->results[name] = plan.error();
    request->done(std::move(request->results));
    return;
  }
  for (const DroppedOrdering& dropped : plan->dropped) {
    emit("unit.ordering-cycle", ledger::Severity::kWarning, dropped.after,
         detail({{"ignored", "After=" + dropped.before}}));
  }
  if (!plan->stop_first.empty()) request_stop(plan->stop_first, [](const Results&) {});
  const auto index = index_by_name(plan->items);
  for (const StartItem& item : plan->items) {
    Job& job = request->jobs.emplace_back();
    job.name = item.name;
    job.must_be_active = item.must_be_active;
  }
  for (std::size_t i = 0; i < plan->items.size(); ++i) {
    for (const std::string& before : plan->items[i].after) {
      const auto found = index.find(before);
      if (found == index.end()) continue;
      request->jobs[found->second].followers.push_back(i);
      ++request->jobs[i].waiting_for;
    }
    for (const std::string& user : plan->items[i].required_by) {
      const auto found = index.find(user);
      if (found != index.end()) request->jobs[i].needed_by.push_back(found->second);
    }
  }
  request->open = request->jobs.size();
  run_ready(request);
}

void Manager::request_stop(const std::vector<std::string>& names, Completion done,
                           const StopReason& reason) {
  auto request = std::make_shared<Request>();
  request->reason = reason;
  request->asked = names;
  request->done = std::move(done);
  const auto plan =
      graph().stop_plan(names, [this](const std::string& name) { return is_active(name); });
  const auto index = index_by_name(plan);
  for (const StopItem& item : plan) {
    Job& job = request->jobs.emplace_back();
    job.name = item.name;
    job.stop = true;
  }
  for (std::size_t i = 0; i < plan.size(); ++i) {
    for (const std::string& before : plan[i].after) {
      const auto found = index.find(before);
      if (found == index.end()) continue;
      request->jobs[found->second].followers.push_back(i);
      ++request->jobs[i].waiting_for;
    }
  }
  request->open = request->jobs.size();
  if (request->open == 0) {
    for (const std::string& name : names) request->results[name] = {};
    request->done(std::move(request->results));
    return;
  }
  run_ready(request);
}

void Manager::run_ready(const std::shared_ptr<Request>& request) {
  for (std::size_t i = 0; i < request->jobs.size(); ++i) {
    Job& job = request->jobs[i];
    if (job.running || job.done || job.waiting_for > 0) continue;
    job.running = true;
    // From the loop: a thousand units that start at once must not nest a thousand calls deep, and
    // the daemon stays responsive in between.
    loop_.post([this, request, i] {
      if (request->jobs[i].stop) {
        run_stop(request, i);
      } else {
        run_start(request, i);
      }
    });
  }
}

void Manager::run_start(const std::shared_ptr<Request>& request, std::size_t index) {
  Job& job = request->jobs[index];
  if (!job.failed_dependency) {
    job_done(request, index, std::move(job.failed_dependency));
    return;
  }
  for (const std::string& other : job.must_be_active) {
    if (is_active(other)) continue;
    job_done(request, index,
             Error(ErrorCode::kInvalidArgument, "start", job.name)
                 .with_detail("it has Requisite=" + other + ", which is not active"));
    return;
  }
  const auto found = units_.find(job.name);
  if (found == units_.end()) {
    job_done(request, index, {});
    return;
  }
  UnitEntry& entry = *found->second;
  if (entry.service) {
    for (auto& [name, other] : units_) {
      if (other->socket) other->activation.clear();
    }
    entry.service->start(
        [this, request, index](Status status) { job_done(request, index, std::move(status)); });
    return;
  }
  if (entry.socket) {
    std::map<std::string, UniqueFd> none;
    Status opened = start_socket(entry, none);
    job_done(request, index, std::move(opened));
    return;
  }
  entry.target_active = true;
  save_simple(entry, true);
  job_done(request, index, {});
}

void Manager::run_stop(const std::shared_ptr<Request>& request, std::size_t index) {
  const auto found = units_.find(request->jobs[index].name);
  if (found == units_.end()) {
    job_done(request, index, {});
    return;
  }
  UnitEntry& entry = *found->second;
  if (entry.service) {
    entry.service->stop(
        [this, request, index](Status status) { job_done(request, index, std::move(status)); },
        request->reason);
    return;
  }
  if (entry.socket) {
    stop_socket(entry);
  } else {
    entry.target_active = false;
    save_simple(entry, false);
  }
  job_done(request, index, {});
}

void Manager::job_done(const std::shared_ptr<Request>& request, std::size_t index, Status status) {
  Job& job = request->jobs[index];
  if (job.done) return;
  job.done = true;
  if (!status) {
    for (const std::size_t user : job.needed_by) {
      request->jobs[user].failed_dependency =
          Error(ErrorCode::kGone, "start", request->jobs[user].name)
              .with_detail(fmt::format("it requires {}: {}", job.name, status.error().message()))
              .with_hint(status.error().hint());
    }
  }
  const auto& asked = request->asked;
  if (std::find(asked.begin(), asked.end(), job.name) != asked.end()) {
    request->results[job.name] = std::move(status);
  }
  bool any_free = false;
  for (const std::size_t follower : job.followers) {
    any_free = --request->jobs[follower].waiting_for == 0 || any_free;
  }
  if (--request->open > 0) {
    if (any_free) run_ready(request);
    return;
  }
  for (const std::string& name : asked) request->results.try_emplace(name);
  // The callback may start the next request, which must not find this one half-finished.
  const Completion done = std::exchange(request->done, nullptr);
  if (done) done(std::move(request->results));
}

void Manager::request_restart(const std::vector<std::string>& names, Completion done) {
  const auto active = [this](const std::string& name) { return is_active(name); };
  struct Progress {
    std::size_t open = 0;
    Results results;
    Completion done;
  };
  auto progress = std::make_shared<Progress>();
  progress->done = std::move(done);
  progress->open = names.size();
  if (names.empty()) progress->done({});
  for (const std::string& name : names) {
    auto finish = [progress, name](Status status) {
      progress->results[name] = std::move(status);
      if (--progress->open == 0) progress->done(std::move(progress->results));
    };
    UnitEntry& entry = *units_[name];
    if (!entry.service || !entry.is_active()) {
      request_start({name},
                    [name, finish](Results results) mutable { finish(std::move(results[name])); });
      continue;
    }
    for (const std::string& other : graph().on_restart(name, active)) {
      restart_when_back_[name].insert(other);
    }
    entry.service->restart(finish);
  }
}

/// What is done to each service by itself, in no order.
void Manager::request_each(const std::vector<std::string>& names, Verb verb, Completion done) {
  auto results = std::make_shared<Results>();
  auto open = std::make_shared<std::size_t>(names.size());
  if (names.empty()) done({});
  for (const std::string& name : names) {
    auto finish = [results, open, done, name](Status status) {
      (*results)[name] = std::move(status);
      if (--*open == 0) done(std::move(*results));
    };
    const bool reloads = verb == Verb::kReload;
    Service* service = units_[name]->service.get();
    if (service == nullptr) {
      finish(Error(ErrorCode::kInvalidArgument, reloads ? "reload" : "rejuvenate", name)
                 .with_detail("not a service"));
    } else if (reloads) {
      service->reload(finish);
    } else {
      service->rejuvenate(finish);
    }
  }
}

void Manager::on_predicted(const std::string& unit, const std::string& warning,
                           std::map<std::string, std::string> environment,
                           Service::Completion done) {
  const auto found = units_.find(unit);
  if (found == units_.end() || !found->second->service) return done({});
  Service& service = *found->second->service;
  const unit::NinesSection& nines = service.spec().nines;
  switch (nines.on_predicted) {
    case unit::OnPredicted::kWarn: done({}); break;
    case unit::OnPredicted::kRejuvenate: service.rejuvenate(std::move(done), warning); break;
    case unit::OnPredicted::kCommand:
      service.react(*nines.predicted_command, std::move(environment), warning);
      done({});
      break;
  }
}

void Manager::stop_all(std::function<void()> done) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : units_) {
    const bool busy = entry->service && entry->service->state().phase != Phase::kDead &&
                      entry->service->state().phase != Phase::kFailed;
    if (entry->is_active() || busy) names.push_back(name);
  }
  const std::string event =
      emit(std::string(ledger::kDaemonStoppingKind), ledger::Severity::kInfo, {}, "{}");
  const auto finish = [this, done = std::move(done)](const Results&) {
    // Their state files stay, with the downtime that is open now; this tells them from units that
    // somebody had stopped one by one before the daemon was killed.
    if (const Status noted = sys::replace_file(end_mark(), "", 0644); !noted) {
      emit("daemon.end-not-noted", ledger::Severity::kWarning, {},
           detail({{"error", noted.error().message()}}));
    }
    done();
  };
  request_stop(names, finish, {{}, event, true});
}

}  // namespace nines::supervise
