#include "app/supervise/event_detail.h"

#include <nlohmann/json.hpp>

namespace nines::supervise {

std::string detail(std::initializer_list<std::pair<std::string_view, std::string>> members) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, value] : members) object[std::string(name)] = value;
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace nines::supervise
