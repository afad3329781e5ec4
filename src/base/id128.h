// A 128-bit id, as systemd's sd_id128_t: 32 hexadecimal digits to people, 16 bytes to us.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nines {

class Id128 {
 public:
  static constexpr std::size_t kBytes = 16;
  static constexpr std::size_t kDigits = 2 * kBytes;

  /// The null id.
  Id128() = default;
  explicit Id128(const std::array<std::uint8_t, kBytes>& bytes) : bytes_(bytes) {}
  /// @param text  32 digits; letters are small, so that no two texts are the same id.
  /// @return nothing: it is anything else.
  static std::optional<Id128> parse(std::string_view text);

  /// A new one: the milliseconds of UTC, then 80 random bits, which make it unique whatever the
  /// clock does. An index over such ids grows at its end. Any thread, and any child of fork(2).
  static Id128 make();

  bool is_null() const { return *this == Id128(); }
  const std::array<std::uint8_t, kBytes>& bytes() const { return bytes_; }
  /// The digits, also of the null id.
  std::string digits() const;
  /// The same; empty for the null id.
  std::string str() const { return is_null() ? std::string() : digits(); }

  friend bool operator==(const Id128&, const Id128&) = default;

 private:
  std::array<std::uint8_t, kBytes> bytes_{};
};

}  // namespace nines
