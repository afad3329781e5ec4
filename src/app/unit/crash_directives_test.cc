// What a unit says about its crashes.
#include <gtest/gtest.h>

#include <string>

#include "app/unit/reader.h"

namespace nines::unit {
namespace {

ReadUnit read(std::string_view lines) {
  static const LoadContext kContext{{}, false, "host", "m", "b"};
  const std::string text = "[Service]\nExecStart=/x\n[X-Nines]\n" + std::string(lines) + "\n";
  return read_unit(*parse_unit_name("a.service"), {{"f", text}}, kContext, {});
}

TEST(CrashDirectives, SayWhatIsKept) {
  const auto nines = [](std::string_view lines) { return read(lines).unit.service()->nines; };
  EXPECT_EQ(nines("").crash_core, CrashCore::kAuto);
  EXPECT_FALSE(nines("").crash_core_limit.has_value());
  EXPECT_EQ(nines("CrashCore=none").crash_core, CrashCore::kNone);
  EXPECT_EQ(nines("CrashCore=minimal").crash_core, CrashCore::kMinimal);
  EXPECT_EQ(nines("CrashCore=full\nCrashCore=").crash_core, CrashCore::kAuto);
  EXPECT_EQ(nines("CrashHandover=kill-dump").crash_handover, CrashHandover::kKillDump);
  EXPECT_EQ(nines("CrashCoreLimit=2G").crash_core_limit, Bytes{std::uint64_t{2} << 30});
  EXPECT_FALSE(nines("CrashCoreLimit=2G\nCrashCoreLimit=infinity").crash_core_limit.has_value());
}

TEST(CrashDirectives, WrongOnesAreErrors) {
  for (const char* line :
       {"CrashCore=all", "CrashCoreLimit=much", "CrashCoreLimit=50%", "CrashHandover=never"}) {
    EXPECT_NE(read(line).first_error(), nullptr) << line;
  }
}

}  // namespace
}  // namespace nines::unit
