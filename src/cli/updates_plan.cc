#include "cli/updates_plan.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace nines::cli {
namespace {

const api::UnitStatus* unit_of(const updates::FileUser& user,
                               const std::vector<api::UnitStatus>& units) {
  const auto found = std::find_if(units.begin(), units.end(), [&](const api::UnitStatus& unit) {
    return user.unit.empty() ? unit.main_pid == user.pid : unit.name == user.unit;
  });
  return found == units.end() ? nullptr : &*found;
}

/// What a restart by request took. A failure is noticed first, and its restart may be delayed.
void expect(const ledger::UnitReport& unit, RestartStep* step) {
  Nanoseconds total{0};
  for (const ledger::CauseTally& cause : unit.causes) {
    if (!cause.planned || cause.cause.kind != ledger::CauseClass::kRequest) continue;
    total += cause.downtime;
    step->samples += cause.times;
  }
  if (step->samples > 0) {
    step->expected = total / static_cast<std::int64_t>(step->samples);
  } else if (unit.mttr && unit.failures > 0) {
    step->expected = unit.mttr;
    step->samples = unit.failures;
    step->by_failures = true;
  }
}

}  // namespace

std::vector<RestartStep> restart_steps(const std::vector<updates::FileUser>& users,
                                       const std::vector<api::UnitStatus>& units,
                                       const ledger::WhyReport* report) {
  std::map<std::string, RestartStep> by_name;
  for (const updates::FileUser& user : users) {
    const api::UnitStatus* ours = unit_of(user, units);
    std::string name = user.unit;
    if (ours != nullptr) name = ours->name;
    const bool is_unit = !name.empty();
    if (!is_unit) name = user.command;
    RestartStep& step = by_name[name];
    step.who = name;
    step.is_unit = is_unit;
    step.is_ours = ours != nullptr;
    step.held = ours != nullptr && !ours->listeners.empty();
    if (std::find(step.processes.begin(), step.processes.end(), user.pid) == step.processes.end()) {
      step.processes.push_back(user.pid);
    }
  }
  std::vector<RestartStep> steps;
  for (auto& [name, step] : by_name) {
    if (step.is_ours && report != nullptr) {
      for (const ledger::UnitReport& unit : report->units) {
        if (unit.unit == name) expect(unit, &step);
      }
    }
    steps.push_back(std::move(step));
  }
  std::stable_sort(steps.begin(), steps.end(), [](const RestartStep& a, const RestartStep& b) {
    return std::tuple(!a.is_ours, !a.is_unit) < std::tuple(!b.is_ours, !b.is_unit);
  });
  return steps;
}

std::vector<updates::FileUser> all_users(const updates::PackageUses& uses) {
  std::vector<updates::FileUser> all;
  for (const updates::PackageUse& use : uses.packages) {
    all.insert(all.end(), use.users.begin(), use.users.end());
  }
  return all;
}

std::string command_of(const RestartStep& step) {
  if (!step.is_unit) return {};
  constexpr std::string_view kSuffix = ".service";
  std::string name = step.who;
  if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
  return (step.is_ours ? "nines restart " : "systemctl restart ") + name;
}

}  // namespace nines::cli
