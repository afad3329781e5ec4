#include "base/fault_point.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <string>

namespace nines {
namespace {

constexpr std::array kNames = {
#define NINES_FAULT_POINT(name) std::string_view(#name),
#include "base/fault_points.def"
#undef NINES_FAULT_POINT
};
static_assert(kNames.size() == static_cast<std::size_t>(FaultPoint::kCount));

enum class Action : std::uint8_t { kNone, kFail, kKill, kStall };

struct Arming {
  std::atomic<Action> action{Action::kNone};
  std::atomic<std::uint32_t> fire_on_pass{0};  // 0: on every pass
  std::atomic<std::uint32_t> passes{0};
};
std::array<Arming, kNames.size()> g_armings;

Status arm_one(std::string_view item) {
  const Error bad = Error(ErrorCode::kInvalidArgument, "arm fault point", std::string(item))
                        .with_hint("NINES_FAULT=NAME:fail|kill|stall[@N|@*][,...]");
  const auto colon = item.find(':');
  if (colon == std::string_view::npos) return bad;
  const std::string_view name = item.substr(0, colon);
  std::string_view action = item.substr(colon + 1);
  std::uint32_t fire_on_pass = 1;
  if (const auto at = action.find('@'); at != std::string_view::npos) {
    const std::string_view count = action.substr(at + 1);
    action = action.substr(0, at);
    if (count == "*") {
      fire_on_pass = 0;
    } else if (std::from_chars(count.data(), count.data() + count.size(), fire_on_pass).ptr !=
                   count.data() + count.size() ||
               fire_on_pass == 0) {
      return bad;
    }
  }
  Action parsed = Action::kNone;
  if (action == "fail") parsed = Action::kFail;
  if (action == "kill") parsed = Action::kKill;
  if (action == "stall") parsed = Action::kStall;
  if (parsed == Action::kNone) return bad;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] != name) continue;
    g_armings[i].fire_on_pass = fire_on_pass;
    g_armings[i].passes = 0;
    g_armings[i].action = parsed;
    fault::any_armed = true;
    return {};
  }
  return bad;
}

}  // namespace

std::string_view to_string(FaultPoint point) {
  return kNames[static_cast<std::size_t>(point)];
}

namespace fault {

std::atomic<bool> any_armed{false};

Status arm(std::string_view text) {
  any_armed = false;
  for (auto& arming : g_armings) arming.action = Action::kNone;
  while (!text.empty()) {
    const auto comma = text.find(',');
    NINES_TRY(arm_one(text.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return {};
}

Status arm_from_environment() {
  const char* text = std::getenv("NINES_FAULT");
  return text == nullptr ? Status() : arm(text);
}

Status hit_slow(FaultPoint point) {
  auto& arming = g_armings[static_cast<std::size_t>(point)];
  const Action action = arming.action.load();
  if (action == Action::kNone) return {};
  const std::uint32_t pass_number = arming.passes.fetch_add(1) + 1;
  const std::uint32_t wanted = arming.fire_on_pass.load();
  if (wanted != 0 && pass_number != wanted) return {};
  // With a token the fault fires once over all processes: a successor that passes the same place
  // must not die there again.
  const char* token = std::getenv("NINES_FAULT_TOKEN");
  if (token != nullptr && ::unlink(token) != 0) return {};
  switch (action) {
    case Action::kKill: ::kill(::getpid(), SIGKILL); break;
    case Action::kStall: ::sleep(1); break;
    case Action::kFail:
      return Error(ErrorCode::kInjected, "fault point", std::string(to_string(point)));
    case Action::kNone: break;
  }
  return {};
}

}  // namespace fault
}  // namespace nines
