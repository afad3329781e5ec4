// Does a unit answer more and more slowly? From the latencies of its good health checks.
//
// A change point, no fixed threshold: latencies are folded into blocks of a minute, of which the
// median of the logarithm counts, so that single slow answers count for nothing. A one-sided CUSUM
// over the blocks against their own median and spread finds the change; it must be large, last, and
// go beyond every level that came back by itself before (the busy hours of each day).
// @source E. S. Page, Continuous Inspection Schemes, Biometrika 41, 1954
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "policy/forecast.h"

namespace nines::policy {

class LatencyPredictor {
 public:
  /// One good check. Latencies that are not above 0, and times that go backwards, are ignored.
  /// @param  timeout  what the latency must stay below.
  /// @return a forecast once in an episode, which ends when the latency is back, or has stayed on
  /// its
  ///         new level.
  std::optional<Forecast> add(BootTime time, Nanoseconds latency, Nanoseconds timeout);
  /// Another process answers from now on. What is usual for it is kept.
  void restart();

 private:
  static constexpr std::size_t kBaseline = 60;  ///< blocks
  static constexpr std::size_t kInBlock = 32;
  static constexpr std::size_t kRecent = 16;

  std::optional<Forecast> close_block(BootTime time, Nanoseconds timeout);
  void calm(float level);
  std::optional<Forecast> raised(BootTime time, float level, Nanoseconds timeout);
  void adopt_level();
  Forecast forecast(float level, Nanoseconds timeout) const;

  std::array<float, kInBlock> block_{};
  std::array<float, kBaseline> baseline_{};
  std::array<float, kRecent> recent_{};  ///< the newest blocks, the oldest first
  BootTime began_, last_, block_began_, raised_since_;
  std::uint32_t blocks_ = 0;
  std::uint16_t next_ = 0;
  std::uint16_t count_ = 0;
  std::uint16_t in_block_ = 0;
  std::uint16_t recent_count_ = 0;
  std::uint16_t raised_ = 0;  ///< blocks in a row
  std::uint16_t quiet_ = 0;
  float sum_ = 0;          ///< CUSUM
  float peak_ = 0;         ///< of what is raised now
  float highest_ = -1e9F;  ///< level that came back by itself
  bool warned_ = false;
};

}  // namespace nines::policy
