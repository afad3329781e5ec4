// One cgroup directory: its limits, which are kept, and its use, which is read each round.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace nines::usage {

/// So long the limits of cgroups and processes, sysctls, and what is found by a search are kept;
/// what is new is looked at again sooner, since programs set themselves up after they start.
inline constexpr Nanoseconds kRefresh = std::chrono::minutes(5);
inline constexpr Nanoseconds kFirstRefresh = std::chrono::minutes(1);
/// Within it all units see one state of what they share.
inline constexpr Nanoseconds kRound = std::chrono::seconds(1);

class CgroupLevel {
 public:
  /// Reads the limits, unless they are known. @param path  a directory, to open.
  void look(const std::string& path, BootTime now);
  /// Reads what is used, unless it was within kRound. Only what has a controller here.
  void measure(const std::string& path, BootTime now, std::vector<Error>& failures);

  bool exists() const { return exists_; }  ///< false above the top of the hierarchy
  /// Of v1 hierarchies only those of memory and tasks do; in v2 a controller may be switched on
  /// later, or only above. One that cannot be looked at may be there later. @pre look() was called.
  bool may_limit() const { return !exists_ || is_v2_ || has_memory() || has_tasks_; }
  bool has_memory() const { return memory_ != Interface::kNone; }

  double memory_limit() const { return memory_limit_; }  ///< bytes; infinity: none
  const char* memory_limited_by() const;                 ///< the file's name
  double tasks_limit() const { return tasks_limit_; }
  const char* tasks_limited_by() const { return "pids.max"; }
  /// Of v1: the least limit of this cgroup and all above it, also of those that are out of sight.
  double hierarchical_limit() const { return hierarchical_limit_; }

  std::optional<double> memory() const {
    return known_amount(memory_used_);
  }  ///< without reclaimable cache
  std::optional<double> tasks() const { return known_amount(tasks_); }

 private:
  enum class Interface : std::uint8_t { kNone, kV1, kV2 };
  void look_at_memory(const std::string& path);
  void measure_memory(const std::string& path, std::vector<Error>& failures);

  static std::optional<double> known_amount(double amount) {
    return amount < 0 ? std::nullopt : std::optional(amount);
  }

  static constexpr double kNone = std::numeric_limits<double>::infinity();
  BootTime look_again_;
  BootTime measure_again_;
  bool known_ = false;
  bool measured_ = false;
  bool exists_ = false;
  bool is_v2_ = false;
  bool has_tasks_ = false;
  Interface memory_ = Interface::kNone;
  bool slows_first_ = false;  ///< memory.high is below memory.max
  double memory_limit_ = kNone;
  double tasks_limit_ = kNone;
  double hierarchical_limit_ = kNone;
  // Below 0: not known. There are several of these for each of perhaps a thousand units.
  double memory_used_ = -1;
  double tasks_ = -1;
};

}  // namespace nines::usage
