// For the tests of the dependency graph: units in one line each, names without ".service".
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "app/supervise/dependency_graph.h"

namespace nines::supervise::testing {

/// Builds units for a graph: World().service("a").needs("b").after("b") ...
class World {
 public:
  World& service(const std::string& name) { return begin(name + ".service", unit::ServiceUnit{}); }
  World& socket(const std::string& name) { return begin(name + ".socket", unit::SocketUnit{}); }
  World& target(const std::string& name) { return begin(name + ".target", unit::TargetUnit{}); }

  World& needs(const std::string& name) { return put(&unit::UnitSection::requires_units, name); }
  World& requisite(const std::string& name) { return put(&unit::UnitSection::requisite, name); }
  World& wants(const std::string& name) { return put(&unit::UnitSection::wants, name); }
  World& upholds(const std::string& name) { return put(&unit::UnitSection::upholds, name); }
  World& binds_to(const std::string& name) { return put(&unit::UnitSection::binds_to, name); }
  World& part_of(const std::string& name) { return put(&unit::UnitSection::part_of, name); }
  World& conflicts(const std::string& name) { return put(&unit::UnitSection::conflicts, name); }
  World& after(const std::string& name) { return put(&unit::UnitSection::after, name); }
  World& before(const std::string& name) { return put(&unit::UnitSection::before, name); }
  World& sockets(const std::string& name) {
    std::get<unit::ServiceUnit>(current_->body).service.sockets.push_back(name + ".socket");
    return *this;
  }
  World& serves(const std::string& name) {
    std::get<unit::SocketUnit>(current_->body).service = name + ".service";
    return *this;
  }

  DependencyGraph graph() const { return DependencyGraph(units_); }

  /// A bare name means a service.
  static std::string full(const std::string& name) {
    return name.find('.') == std::string::npos ? name + ".service" : name;
  }

 private:
  template <typename Body>
  World& begin(const std::string& name, Body body) {
    current_ = std::make_shared<unit::Unit>();
    current_->name = name;
    current_->body = std::move(body);
    units_[name] = current_;
    return *this;
  }
  World& put(unit::Names unit::UnitSection::* list, const std::string& name) {
    (current_->unit.*list).push_back(full(name));
    return *this;
  }

  DependencyGraph::Units units_;
  std::shared_ptr<unit::Unit> current_;
};

inline bool everything(const std::string&) {
  return true;
}
inline DependencyGraph::IsActive all_but(const std::string& name) {
  return [name](const std::string& other) { return other != World::full(name); };
}

/// Names without ".service".
inline std::string brief(const std::string& name) {
  return name.ends_with(".service") ? name.substr(0, name.size() - 8) : name;
}
inline std::vector<std::string> brief(const std::vector<std::string>& names) {
  std::vector<std::string> result;
  for (const std::string& name : names) result.push_back(brief(name));
  return result;
}
template <typename Item>
std::vector<std::string> names_of(const std::vector<Item>& items) {
  std::vector<std::string> result;
  for (const Item& item : items) result.push_back(brief(item.name));
  return result;
}
inline StartPlan plan(const World& world, const std::string& name) {
  auto result = world.graph().start_plan({World::full(name)});
  EXPECT_TRUE(result.has_value()) << result.error().message();
  return result ? *std::move(result) : StartPlan{};
}
inline StartItem item(const StartPlan& plan, const std::string& name) {
  for (const StartItem& candidate : plan.items) {
    if (brief(candidate.name) == name) return candidate;
  }
  ADD_FAILURE() << name << " is not in the plan";
  return {};
}
inline Error refusal(const World& world, const std::string& name) {
  auto result = world.graph().start_plan({World::full(name)});
  EXPECT_FALSE(result.has_value());
  return result ? Error(ErrorCode::kInternal, "none") : result.error();
}

}  // namespace nines::supervise::testing
