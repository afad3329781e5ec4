#include "ledger/event.h"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/id128.h"

namespace nines::ledger {
namespace {
// Milliseconds of UTC first: an index over ids then grows at its end, where random ids would touch
// another page for every event. The 80 random bits make the id unique, whatever the clock does.
constexpr std::size_t kTimeBytes = 6;
constexpr std::size_t kRandomBytes = Id128::kBytes - kTimeBytes;

/// Random bytes for the next ids of this thread: a system call for each would cost more than the
/// rest of an id.
class RandomPool {
 public:
  void take(std::uint8_t* into) {
    // A child of fork(2) has a copy, of which its parent uses the same bytes.
    const pid_t process = ::getpid();
    if (used_ == bytes_.size() || process != owner_) {
      // Without GRND_NONBLOCK, and for up to 256 bytes, getrandom(2) is never interrupted nor
      // short.
      (void)!::getrandom(bytes_.data(), bytes_.size(), 0);
      owner_ = process;
      used_ = 0;
    }
    std::memcpy(into, bytes_.data() + used_, kRandomBytes);
    used_ += kRandomBytes;
  }

 private:
  std::array<std::uint8_t, 25 * kRandomBytes> bytes_{};
  std::size_t used_ = 0;
  pid_t owner_ = 0;
};
static_assert(25 * kRandomBytes <= 256);
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
  static thread_local RandomPool random;
  std::array<std::uint8_t, Id128::kBytes> bytes;
  random.take(bytes.data() + kTimeBytes);
  const std::int64_t milliseconds = utc_now().ns / 1'000'000;
  for (std::size_t i = 0; i < kTimeBytes; ++i) {
    bytes[i] = static_cast<std::uint8_t>(milliseconds >> (8 * (kTimeBytes - 1 - i)));
  }
  return Id128(bytes).digits();
}

}  // namespace nines::ledger
