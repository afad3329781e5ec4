// Whether a whole core is kept of a crash: facts in, a decision and its reason out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"

namespace nines::crash {

/// CrashCore=
enum class CoreWish : std::uint8_t { kAuto, kNone, kMinimal, kFull };

/// @return "auto" ...; and back, or nothing for another word.
std::string_view to_string(CoreWish wish);
std::optional<CoreWish> core_wish(std::string_view word);

/// What a unit says about the cores of its processes. Those of no unit have the defaults.
struct CorePolicy {
  CoreWish wish = CoreWish::kAuto;
  std::optional<Bytes> limit{};     ///< CrashCoreLimit=; none: as large as it is
  bool successor_waits = false;     ///< it starts once this process is gone
  bool successor_serves = false;    ///< it has been started: there are two of them now
  bool kill_after_minimal = false;  ///< CrashHandover=kill-dump
};

struct CoreFacts {
  Bytes memory;  ///< the process has: resident and in swap
  /// Memory that can still be had by its unit, or the host; none: not known.
  std::optional<Bytes> headroom{};
  Bytes store_total;               ///< all crashes together may take so much
  Bytes store_room;                ///< on the disk, with what can be removed for this one
  std::uint64_t recent_count = 0;  ///< whole cores of the last day
  Bytes recent_bytes;
  bool writer_free = true;  ///< not as many whole cores are being written as may be at once
};

/// What `auto` keeps within a day.
inline constexpr std::uint64_t kWholeCoresADay = 16;

struct CoreDecision {
  bool whole = false;
  std::string reason;  ///< why not, and what to do about it: for a person
};

/// What follows from the policy alone, if there is room for everything.
CoreDecision decide(const CorePolicy& policy);

/// All but what needs the signature, which takes a moment to find out.
CoreDecision decide(const CorePolicy& policy, const CoreFacts& facts);

/// Whether the signature matters: only for `auto`, and if decide() would keep it.
bool wants_signature(const CorePolicy& policy, const CoreDecision& decision);

}  // namespace nines::crash
