// Does the same failure come more and more often? Of the times of its last occurrences: a test for
// a rising rate, and when the next is to be expected.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "policy/forecast.h"

namespace nines::policy {

struct RecurrenceSettings {
  /// Of all failures at a constant rate, at most about this share is followed by a false warning.
  double significance = 0.005;
  /// Time to act: the next failure is expected sooner than this.
  Nanoseconds act_before = std::chrono::minutes(10);
};

class RecurrencePredictor {
 public:
  static constexpr std::size_t kMaxFailures = 24;  ///< of one cause; older ones are forgotten
  static constexpr std::size_t kMaxCauses = 8;    ///< then the one that is longest ago is forgotten
  static constexpr std::size_t kMinFailures = 5;  ///< the first of them only begins the time
  static constexpr std::size_t kMaxCauseLength = 64;  ///< bytes; longer names are cut

  explicit RecurrencePredictor(RecurrenceSettings settings = {}) : settings_(settings) {}

  /// @param  cause  what happened, such as "crash:SEGV"; only equal ones are counted together.
  /// @return when the rate of this cause rises: the expected time to its next failure, and until
  /// when
  ///         it will have come with 5 % (earliest) and 95 % (latest) probability. `value` is
  ///         failures per hour now, `limit` infinity. At most a warning and an urgent one in an
  ///         episode, which is over when the rate does not rise any more. A time before the last is
  ///         ignored.
  std::optional<Forecast> add(BootTime time, std::string_view cause);

  /// Forgets everything: another version of the program runs.
  void reset() { causes_.clear(); }

  std::size_t memory_bytes() const;

 private:
  struct Cause {
    std::string name;
    std::array<BootTime, kMaxFailures> times{};  // oldest first
    std::size_t count = 0;
    std::size_t total = 0;
    bool warned = false;
    bool acted = false;
  };

  Cause& cause_named(std::string_view name);

  RecurrenceSettings settings_;
  std::vector<Cause> causes_;
};

}  // namespace nines::policy
