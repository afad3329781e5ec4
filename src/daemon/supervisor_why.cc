// SupervisorBackend: why what was down was down.
#include "api/unit_facts.h"
#include "daemon/supervisor_backend.h"
#include "ledger/reader.h"

namespace nines::daemon {
namespace {

struct Known {
  std::optional<double> target;
  ledger::UnitFacts facts;
};

std::map<std::string, Known> what_is_set_up(const supervise::Manager& manager) {
  std::map<std::string, Known> known;
  for (const auto& [name, entry] : manager.units()) {
    if (!entry->service) continue;
    const std::string socket = name.substr(0, name.rfind('.')) + ".socket";
    known[name] = {api::target_of(*entry->unit),
                   api::facts_of(*entry->unit, manager.units().contains(socket))};
  }
  return known;
}

Error too_many() {
  return Error(ErrorCode::kBusy, "ask ledger").with_detail("too many questions wait already");
}

}  // namespace

void SupervisorBackend::why(const api::GetWhy& get,
                            std::function<void(Result<ledger::WhyReport>)> done) {
  ledger::WhyQuery query;
  query.unit = get.unit;
  if (!query.unit.empty() && query.unit != ledger::kHostUnit) {
    // A unit whose file is gone has its past all the same.
    if (const auto found = unit(get.unit)) {
      query.unit = found->name;
    } else if (query.unit.find('.') == std::string::npos) {
      query.unit += ".service";
    }
  }
  query.to = utc_now();
  query.from =
      get.since.value_or(UtcTime{query.to.ns - Nanoseconds(api::kDefaultWhyWindow).count()});
  auto known = std::make_shared<const std::map<std::string, Known>>(what_is_set_up(manager_));
  query.target = [known](const std::string& name) {
    const auto found = known->find(name);
    return found == known->end() ? std::nullopt : found->second.target;
  };
  query.facts = [known](const std::string& name) {
    const auto found = known->find(name);
    return found == known->end() ? ledger::UnitFacts{} : found->second.facts;
  };
  const bool taken = queries_.add([this, query = std::move(query), done]() mutable {
    auto reader = ledger::Reader::open(facts_.database);
    auto report = reader ? reader->why(query) : Result<ledger::WhyReport>(reader.error());
    // Moved: what it holds of a connection must end on the loop's thread.
    loop_.post([done = std::move(done), report = std::move(report)] { done(report); });
  });
  if (!taken) done(too_many());
}

void SupervisorBackend::story(const std::string& event,
                              std::function<void(Result<ledger::EventStory>)> done) {
  const bool taken = queries_.add([this, event, done]() mutable {
    auto reader = ledger::Reader::open(facts_.database);
    auto story = reader ? reader->story(event) : Result<ledger::EventStory>(reader.error());
    loop_.post([done = std::move(done), story = std::move(story)] { done(story); });
  });
  if (!taken) done(too_many());
}

}  // namespace nines::daemon
