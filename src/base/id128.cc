#include "base/id128.h"

#include <sys/random.h>
#include <unistd.h>

#include <cstring>

#include "base/clock.h"

namespace nines {
namespace {

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

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::optional<Id128> Id128::parse(std::string_view text) {
  if (text.size() != kDigits) return std::nullopt;
  Id128 id;
  for (std::size_t i = 0; i < kBytes; ++i) {
    const int high = digit_value(text[2 * i]);
    const int low = digit_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes_[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return id;
}

Id128 Id128::make() {
  static thread_local RandomPool random;
  Id128 id;
  random.take(id.bytes_.data() + kTimeBytes);
  const std::int64_t milliseconds = utc_now().ns / 1'000'000;
  for (std::size_t i = 0; i < kTimeBytes; ++i) {
    id.bytes_[i] = static_cast<std::uint8_t>(milliseconds >> (8 * (kTimeBytes - 1 - i)));
  }
  return id;
}

std::string Id128::digits() const {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text(kDigits, '0');
  char* digit = text.data();
  for (const std::uint8_t byte : bytes_) {
    *digit++ = kHex[byte >> 4];
    *digit++ = kHex[byte & 15];
  }
  return text;
}

}  // namespace nines
