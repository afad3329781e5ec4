#include "app/crash/core_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace nines::crash {
namespace {

constexpr std::array<std::pair<CoreWish, std::string_view>, 4> kWords = {
    {{CoreWish::kAuto, "auto"},
     {CoreWish::kNone, "none"},
     {CoreWish::kMinimal, "minimal"},
     {CoreWish::kFull, "full"}}};

// What memory is packed to at best in ordinary cases; the real size is watched while it is written.
constexpr std::uint64_t kPacksTo = 4;

CoreDecision no(std::string reason) {
  return {false, std::move(reason)};
}

/// Of `auto` alone: what is worth a whole core.
std::optional<CoreDecision> too_much_of_it(const CoreFacts& facts) {
  if (facts.recent_count >= kWholeCoresADay) {
    return no(
        fmt::format("{} whole cores were kept within a day, which is all that CrashCore=auto "
                    "does; CrashCore=full has no such limit",
                    facts.recent_count));
  }
  const Bytes most{facts.store_total.count / 2};
  if (facts.recent_bytes > most) {
    return no(
        fmt::format("whole cores of the last day take {}, and CrashCore=auto gives them half "
                    "of the {} for all crashes; see ninesd --crash-store-max",
                    to_string(facts.recent_bytes), to_string(facts.store_total)));
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(CoreWish wish) {
  return std::find_if(kWords.begin(), kWords.end(),
                      [&](const auto& entry) { return entry.first == wish; })
      ->second;
}

std::optional<CoreWish> core_wish(std::string_view word) {
  for (const auto& [wish, name] : kWords) {
    if (name == word) return wish;
  }
  return std::nullopt;
}

CoreDecision decide(const CorePolicy& policy) {
  CoreFacts plenty;
  plenty.store_total = plenty.store_room = Bytes{UINT64_MAX};
  return decide(policy, plenty);
}

CoreDecision decide(const CorePolicy& policy, const CoreFacts& facts) {
  if (policy.wish == CoreWish::kNone) return no("CrashCore=none");
  if (policy.wish == CoreWish::kMinimal) return no("CrashCore=minimal");
  if (policy.kill_after_minimal) {
    return no("CrashHandover=kill-dump: its successor must not wait for a whole core");
  }
  const bool automatic = policy.wish == CoreWish::kAuto;
  if (automatic && policy.successor_waits) {
    return no(
        "its successor waits until it is gone; CrashCore=full keeps a whole core all the same");
  }
  if (policy.limit && facts.memory > *policy.limit) {
    return no(fmt::format("it has {} of memory, and CrashCoreLimit= is {}", to_string(facts.memory),
                          to_string(*policy.limit)));
  }
  if (policy.successor_serves && facts.headroom && *facts.headroom < facts.memory) {
    return no(fmt::format("its {} of memory are needed: only {} are left for its successor",
                          to_string(facts.memory), to_string(*facts.headroom)));
  }
  const Bytes least{facts.memory.count / kPacksTo};
  if (least > facts.store_total) {
    return no(
        fmt::format("it has {} of memory, too much for the {} that all crashes may take; see "
                    "ninesd --crash-store-max",
                    to_string(facts.memory), to_string(facts.store_total)));
  }
  if (least >= facts.store_room) {
    return no(fmt::format("it has {} of memory, and the disk has room for {}",
                          to_string(facts.memory), to_string(facts.store_room)));
  }
  if (automatic) {
    if (auto much = too_much_of_it(facts)) return std::move(*much);
  }
  if (!facts.writer_free)
    return no("other whole cores are being written; it did not wait for them");
  return {true, {}};
}

bool wants_signature(const CorePolicy& policy, const CoreDecision& decision) {
  return decision.whole && policy.wish == CoreWish::kAuto;
}

}  // namespace nines::crash
