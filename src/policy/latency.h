// Has a unit become slower for good? From how long its successful health checks take: a change
// point of their logarithm, not a fixed threshold. docs/prediction.md explains it.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "base/clock.h"
#include "policy/forecast.h"

namespace nines::policy {

struct LatencySettings {
  /// Until the timeout, where the growth gives no better estimate.
  Nanoseconds default_horizon = std::chrono::hours(1);
  Nanoseconds act_before = std::chrono::minutes(10);
  /// Time to act: latency above this share of the timeout.
  double act_above = 0.85;
};

class LatencyPredictor {
 public:
  explicit LatencyPredictor(LatencySettings settings = {}) : settings_(settings) {}

  /// @param  latency  of a successful check; not positive: ignored, as is a time before the last.
  /// @param  timeout  of the check; not positive: ignored.
  /// @return at most a warning and an urgent one in an episode; values in seconds. The episode is
  /// over
  ///         when latency is back, or was stable for two hours at the new level, which is then
  ///         normal.
  std::optional<Forecast> add(BootTime time, Nanoseconds latency, Nanoseconds timeout);

  /// A new instance: its latency is learned anew.
  void restart() { *this = LatencyPredictor(settings_); }

 private:
  static constexpr std::size_t kGroup =
      5;  // checks; their median counts, so that two spikes do not
  static constexpr std::size_t kSlots = 48;   // of half an hour: a day
  static constexpr std::size_t kRecent = 12;  // groups
  static constexpr std::size_t kPending = 4;  // slots of an unusual level

  void close_slot();
  void end_episode();
  double reference() const;
  bool unusual() const;
  void watch(float level);
  std::optional<Forecast> say(double timeout_s);

  LatencySettings settings_;
  // All levels are natural logarithms of seconds.
  std::array<float, kGroup> group_{};
  std::array<float, kSlots> slots_{};      // ring: what is normal
  std::array<float, kPending> pending_{};  // not known yet whether that is normal
  std::array<float, kRecent> recent_{};    // newest last
  std::array<BootTime, kRecent> recent_times_{};
  std::size_t grouped_ = 0;
  std::size_t slot_count_ = 0;
  std::size_t next_slot_ = 0;
  std::size_t pending_count_ = 0;
  std::size_t recent_count_ = 0;
  std::size_t samples_ = 0;
  std::size_t above_ = 0;  // groups in a row
  double slot_sum_ = 0;
  std::size_t slot_groups_ = 0;
  double spread_ = 0;  // of groups within their slot
  double cusum_ = 0;   // in spreads
  BootTime first_;
  BootTime last_;
  BootTime slot_begin_;
  bool warm_ = false;  // the first slot, in which a program warms up, is over
  bool warned_ = false;
  bool acted_ = false;
};

}  // namespace nines::policy
