#include "app/crash/former_pattern.h"

#include <gmock/gmock.h>

namespace nines::crash {
namespace {

using testing::ElementsAre;

PatternFacts example() {
  PatternFacts facts;
  facts.pid = 100;
  facts.pid_inside = 7;
  facts.thread = 101;
  facts.thread_inside = 8;
  facts.uid = 1000;
  facts.gid = 1001;
  facts.dumpable = 1;
  facts.signal = 11;
  facts.time_s = 1700000000;
  facts.core_limit = UINT64_MAX;
  facts.host = "host";
  facts.name = "my/prog";
  facts.executable = "/usr/bin/my prog";
  return facts;
}

TEST(FormerPattern, OfDebiansHandlers) {
  EXPECT_THAT(
      command_of("|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h %d %F", example()),
      ElementsAre("/usr/lib/systemd/systemd-coredump", "100", "1000", "1001", "11", "1700000000",
                  "18446744073709551615", "host", "1", "3"));
  EXPECT_THAT(
      command_of("|/usr/share/apport/apport -p%p -s%s -c%c -d%d -P%P -u%u -g%g -- %E", example()),
      ElementsAre("/usr/share/apport/apport", "-p7", "-s11", "-c18446744073709551615", "-d1",
                  "-P100", "-u1000", "-g1001", "--", "!usr!bin!my prog"));
}

TEST(FormerPattern, IsCutBeforeItIsFilledIn) {
  EXPECT_THAT(command_of("| /bin/h  %e\t%f ", example()),
              ElementsAre("/bin/h", "my!prog", "my prog"));
  EXPECT_THAT(command_of("|/bin/h %x %", example()), ElementsAre("/bin/h", "", ""));
  EXPECT_TRUE(command_of("|", example()).empty());
}

TEST(FormerPattern, OfFiles) {
  EXPECT_EQ(file_of("core", example(), false), "core");
  EXPECT_EQ(file_of("core", example(), true), "core.7");
  EXPECT_EQ(file_of("/var/crash/core.%e.%p.%%", example(), true), "/var/crash/core.my!prog.7.%");
}

TEST(FormerPattern, ANameLeadsNowhereElse) {
  PatternFacts facts = example();
  facts.name = "..";
  EXPECT_EQ(file_of("/var/%e/core", facts, false), "/var/!./core");
  facts.name = "";
  EXPECT_EQ(file_of("/var/%e/core", facts, false), "/var/!/core");
  facts.name = "../../etc/passwd";
  EXPECT_EQ(file_of("/var/%e", facts, false), "/var/..!..!etc!passwd");
}

}  // namespace
}  // namespace nines::crash
