#include "ledger/event.h"

#include <array>

#include "base/id128.h"

namespace nines::ledger {
std::string_view to_string(Cell cell) {
  static constexpr std::array<std::string_view, 9> kNames = {
      "app/unplanned", "app/planned",  "app/proactive", "os/unplanned", "os/planned",
      "os/proactive",  "hw/unplanned", "hw/planned",    "hw/proactive"};
  return kNames[static_cast<std::size_t>(cell)];
}

std::string_view to_string(Severity severity) {
  static constexpr std::array<std::string_view, 3> kNames = {"info", "warning", "error"};
  return kNames[static_cast<std::size_t>(severity)];
}

std::string new_id() {
  return Id128::make().digits();
}

}  // namespace nines::ledger
