// What a unit's file says that `nines why` wants to know.
#pragma once

#include <optional>

#include "app/unit/spec.h"
#include "ledger/advice.h"

namespace nines::api {

/// @param has_socket  a .socket unit of the same name is there.
inline ledger::UnitFacts facts_of(const unit::Unit& unit, bool has_socket) {
  ledger::UnitFacts facts;
  const unit::ServiceUnit* service = unit.service();
  if (service == nullptr) return facts;
  facts.known = true;
  facts.held_socket = has_socket;
  facts.standby = service->nines.standby > 0;
  facts.health_check = service->nines.health_check.has_value();
  facts.memory_high = service->resources->memory_high.has_value();
  facts.can_reload = !service->service.exec_reload.empty() ||
                     service->service.type == unit::ServiceType::kNotifyReload;
  return facts;
}

inline std::optional<double> target_of(const unit::Unit& unit) {
  const unit::ServiceUnit* service = unit.service();
  return service == nullptr ? std::nullopt : service->nines.availability_target;
}

}  // namespace nines::api
