#include "app/unit/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace nines::unit {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

TEST(Boolean, AllSpellings) {
  for (const char* yes : {"1", "yes", "Y", "TRUE", "t", "on"})
    EXPECT_EQ(*parse_boolean(yes), true) << yes;
  for (const char* no : {"0", "no", "N", "False", "f", "OFF"})
    EXPECT_EQ(*parse_boolean(no), false) << no;
  for (const char* wrong : {"", "2", "maybe", "yess"}) EXPECT_FALSE(parse_boolean(wrong)) << wrong;
}

TEST(Integer, BasesAndRanges) {
  EXPECT_EQ(*parse_integer("-20", -20, 19), -20);
  EXPECT_EQ(*parse_integer("0x10", 0, 100), 16);
  EXPECT_EQ(*parse_integer("010", 0, 100), 8);
  EXPECT_EQ(*parse_integer("0", 0, 100), 0);
  for (const char* wrong : {"", "-", "20", "1x", " 1", "99999999999999999999"}) {
    EXPECT_FALSE(parse_integer(wrong, -20, 19)) << wrong;
  }
}

struct Span {
  const char* text;
  Nanoseconds value;
};
class TimeSpans : public ::testing::TestWithParam<Span> {};
TEST_P(TimeSpans, AreRead) {
  const auto parsed = parse_time_span(GetParam().text);
  ASSERT_TRUE(parsed.has_value()) << GetParam().text;
  EXPECT_EQ(*parsed, TimeSpan(GetParam().value)) << GetParam().text;
}
INSTANTIATE_TEST_SUITE_P(
    All, TimeSpans,
    ::testing::Values(Span{"0", 0s}, Span{"5", 5s}, Span{"1.5", 1500ms}, Span{".5s", 500ms},
                      Span{"2 h", 2h}, Span{"1h30m", 90min}, Span{"5min 20s", 320s},
                      Span{"48hr", 48h}, Span{"300ms20s 5day", 120h + 20s + 300ms},
                      Span{"1y 12month", 31557600s + 12 * 2629800s}, Span{"2w", 14 * 24h},
                      Span{"55s500ms", 55500ms}, Span{"7us", 7us}, Span{"7µs", 7us},
                      Span{"3M", 3 * 2629800s}, Span{"3m", 3min}));

TEST(TimeSpan, InfinityAndWhatIsNone) {
  EXPECT_EQ(*parse_time_span("infinity"), TimeSpan());
  for (const char* wrong :
       {"", "s", "5x", "-1", "5 infinity", "1..5s", "9999999999999999999y", "400y", "5 s s"}) {
    EXPECT_FALSE(parse_time_span(wrong)) << wrong;
  }
  EXPECT_FALSE(parse_finite_time_span("infinity"));
  EXPECT_EQ(*parse_timeout("0"), TimeSpan());
}

TEST(TimeSpan, IsWrittenAsItIsRead) {
  for (const char* text : {"0", "250ms", "1min 30s", "2d 3h", "1us", "36500d"}) {
    EXPECT_EQ(format_time_span(**parse_time_span(text)), text);
  }
}

TEST(Size, UnitsAndFractions) {
  EXPECT_EQ(*parse_size("512"), Bytes{512});
  EXPECT_EQ(*parse_size("64K"), 64_KiB);
  EXPECT_EQ(*parse_size("1.5G"), 1536_MiB);
  EXPECT_EQ(*parse_size("8B"), Bytes{8});
  for (const char* wrong : {"", "K", "1KB", "-1", "99999999E", "1.2.3"})
    EXPECT_FALSE(parse_size(wrong)) << wrong;
}

TEST(Percentage, ExactEnoughForAvailability) {
  EXPECT_DOUBLE_EQ(*parse_percentage("99.999%"), 0.99999);
  EXPECT_DOUBLE_EQ(*parse_percentage("100%"), 1.0);
  EXPECT_DOUBLE_EQ(*parse_percentage("250%", 8), 2.5);
  for (const char* wrong : {"", "%", "101%", "50", "-1%", "5%%"})
    EXPECT_FALSE(parse_percentage(wrong)) << wrong;
}

TEST(SizeOrShare, OfTheWhole) {
  EXPECT_EQ(**parse_size_or_share("50%", 1024_MiB), 512_MiB);
  EXPECT_EQ(*parse_size_or_share("infinity", 1_MiB), std::nullopt);
}

TEST(Signal, NamesNumbersAndRealTime) {
  EXPECT_EQ(*parse_signal("SIGTERM"), SIGTERM);
  EXPECT_EQ(*parse_signal("QUIT"), SIGQUIT);
  EXPECT_EQ(*parse_signal("9"), SIGKILL);
  EXPECT_EQ(*parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
  EXPECT_EQ(*parse_signal("RTMAX"), SIGRTMAX);
  for (const char* wrong : {"", "SIG", "SIGFOO", "0", "65", "RTMIN-1", "RTMIN+99"}) {
    EXPECT_FALSE(parse_signal(wrong)) << wrong;
  }
  EXPECT_EQ(signal_name(SIGHUP), "SIGHUP");
  EXPECT_EQ(*parse_signal(signal_name(SIGRTMIN + 2)), SIGRTMIN + 2);
}

TEST(Mode, IsOctal) {
  EXPECT_EQ(*parse_mode("0750"), 0750u);
  EXPECT_EQ(*parse_mode("2755"), 02755u);
  for (const char* wrong : {"", "8", "10000", "0x7"}) EXPECT_FALSE(parse_mode(wrong)) << wrong;
}

struct Limit {
  int resource;
  const char* text;
  rlim_t soft, hard;
};
class Limits : public ::testing::TestWithParam<Limit> {};
TEST_P(Limits, AreReadInTheirUnit) {
  const auto limit = parse_rlimit(GetParam().resource, GetParam().text);
  ASSERT_TRUE(limit.has_value()) << GetParam().text;
  EXPECT_EQ(limit->rlim_cur, GetParam().soft) << GetParam().text;
  EXPECT_EQ(limit->rlim_max, GetParam().hard) << GetParam().text;
}
INSTANTIATE_TEST_SUITE_P(
    All, Limits,
    ::testing::Values(Limit{RLIMIT_NOFILE, "1024", 1024, 1024},
                      Limit{RLIMIT_NOFILE, "1024:infinity", 1024, RLIM_INFINITY},
                      Limit{RLIMIT_AS, "4G:16G", 4ull << 30, 16ull << 30},
                      Limit{RLIMIT_CPU, "1m", 60, 60}, Limit{RLIMIT_CPU, "1500ms", 2, 2},
                      Limit{RLIMIT_CPU, "0", 0, 0}, Limit{RLIMIT_RTTIME, "5ms", 5000, 5000},
                      Limit{RLIMIT_RTTIME, "7", 7, 7}, Limit{RLIMIT_NICE, "-5", 25, 25},
                      Limit{RLIMIT_NICE, "+5", 15, 15}, Limit{RLIMIT_NICE, "30", 30, 30},
                      Limit{RLIMIT_CORE, "infinity", RLIM_INFINITY, RLIM_INFINITY}));
TEST(Limits, WrongOnes) {
  EXPECT_FALSE(parse_rlimit(RLIMIT_NOFILE, "2:1"));
  EXPECT_FALSE(parse_rlimit(RLIMIT_NOFILE, "1K"));
  EXPECT_FALSE(parse_rlimit(RLIMIT_NOFILE, "1:2:3"));
  EXPECT_FALSE(parse_rlimit(RLIMIT_AS, ""));
  EXPECT_FALSE(parse_rlimit(RLIMIT_NICE, "-21"));
}

TEST(ExitStatus, CodesNamesAndSignals) {
  ExitStatusSet set;
  for (const char* word : {"143", "SIGKILL", "TEMPFAIL", "HUP"})
    EXPECT_TRUE(add_exit_status(word, set)) << word;
  EXPECT_THAT(set.codes, ElementsAre(75, 143));
  EXPECT_THAT(set.signals, ElementsAre(SIGHUP, SIGKILL));
  EXPECT_FALSE(add_exit_status("256", set));
  EXPECT_FALSE(add_exit_status("SIGFOO", set));
}

TEST(Capability, NamesToBits) {
  EXPECT_EQ(*parse_capability("CAP_NET_BIND_SERVICE"), 1u << 10);
  EXPECT_EQ(*parse_capability("cap_checkpoint_restore"), 1ull << 40);
  EXPECT_FALSE(parse_capability("CAP_"));
  EXPECT_FALSE(parse_capability("NET_RAW"));
}

TEST(Cpus, ListsAndRanges) {
  std::vector<unsigned> cpus{9};
  ASSERT_TRUE(add_cpus("0-2,5 1", cpus));
  EXPECT_THAT(cpus, ElementsAre(0, 1, 2, 5, 9));
  for (const char* wrong : {"2-1", "x", "0-99999999", "1-", "-1"})
    EXPECT_FALSE(add_cpus(wrong, cpus)) << wrong;
}

}  // namespace
}  // namespace nines::unit
