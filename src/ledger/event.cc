#include "ledger/event.h"

#include <sys/random.h>

#include <array>

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
  std::array<unsigned char, 16> bytes{};
  // Without GRND_NONBLOCK, and for 16 bytes, getrandom(2) is never interrupted nor short.
  (void)!::getrandom(bytes.data(), bytes.size(), 0);
  std::string id;
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const unsigned char byte : bytes) {
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

}  // namespace nines::ledger
