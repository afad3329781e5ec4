// Does the same failure come again faster and faster? From the times at which a unit failed, by
// cause.
//
// The Laplace test asks whether the failures of a window lie towards its end, which those of a
// constant rate do only by chance; the power law model (Crow-AMSAA) then says how soon the next one
// is due: with n failures at times t_i, T the last, the intensity now is beta n / T with
// beta = n / sum(ln(T / t_i)).
// @source D. R. Cox and P. A. W. Lewis, The Statistical Analysis of Series of Events, 1966, 3.3;
//         L. H. Crow, Reliability Analysis for Complex, Repairable Systems, 1974
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "policy/forecast.h"

namespace nines::policy {

class RecurrencePredictor {
 public:
  /// @param  began  since when failures would have been seen.
  explicit RecurrencePredictor(BootTime began) : began_(began) {}

  /// A failure. Times that go backwards are ignored.
  /// @return a forecast once in an episode, which ends when no failure came for long.
  std::optional<Forecast> add(BootTime time, std::string_view cause);

 private:
  static constexpr std::size_t kKept = 16;
  static constexpr std::size_t kMaxCauses = 8;
  struct Series {
    std::string cause;
    BootTime window;  ///< the failure before the first that is kept, or when it began
    std::array<BootTime, kKept> times{};
    std::uint8_t count = 0;
    bool warned = false;
    Nanoseconds patience{0};  ///< without a failure for so long the episode is over
  };
  Series& series_of(std::string_view cause);
  static std::optional<Forecast> look(const Series& series);

  BootTime began_;
  std::vector<Series> series_;
};

}  // namespace nines::policy
