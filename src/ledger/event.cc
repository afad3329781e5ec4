#include "ledger/event.h"

#include <sys/random.h>

#include <array>

namespace nines::ledger {
namespace {
// Milliseconds of UTC first: an index over ids then grows at its end, where random ids would touch
// another page for every event. The 80 random bits make the id unique, whatever the clock does.
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kTimeBytes = 6;
}  // namespace

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
  std::array<unsigned char, kIdBytes> bytes{};
  // Without GRND_NONBLOCK, and for so few bytes, getrandom(2) is never interrupted nor short.
  (void)!::getrandom(bytes.data() + kTimeBytes, kIdBytes - kTimeBytes, 0);
  const std::int64_t milliseconds = utc_now().ns / 1'000'000;
  for (std::size_t i = 0; i < kTimeBytes; ++i) {
    bytes[i] = static_cast<unsigned char>(milliseconds >> (8 * (kTimeBytes - 1 - i)));
  }
  std::string id;
  id.reserve(2 * kIdBytes);
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const unsigned char byte : bytes) {
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

}  // namespace nines::ledger
