#include "app/crash/outcome.h"

#include <gtest/gtest.h>

namespace nines::crash {
namespace {

Outcome example() {
  Outcome outcome;
  outcome.pid = 4711;
  outcome.program = "redis-server";
  outcome.signal = 11;
  outcome.threads = 33;
  outcome.memory = Bytes{4 << 20};
  outcome.took = std::chrono::microseconds(1234);
  outcome.note = "no room";
  outcome.by_owner = false;
  outcome.removed = 2;
  outcome.core = kCoreFull;
  outcome.core_reason = "none";
  outcome.core_packed = Bytes{5};
  outcome.core_size = Bytes{std::uint64_t{1} << 40};
  outcome.held = std::chrono::seconds(99);
  outcome.cores_removed = 3;
  return outcome;
}

TEST(Outcome, ComesBackAsItWasSaid) {
  const std::string line = encode(example());
  EXPECT_EQ(line.back(), '\n');
  const auto heard = decode_outcome(line);
  ASSERT_TRUE(heard);
  EXPECT_EQ(encode(*heard), line);
  EXPECT_EQ(heard->program, "redis-server");
  EXPECT_EQ(heard->took, std::chrono::microseconds(1234));
  EXPECT_FALSE(heard->by_owner);
  EXPECT_EQ(heard->core_size.count, std::uint64_t{1} << 40);
  EXPECT_EQ(heard->held, std::chrono::seconds(99));
}

TEST(Outcome, IsOneLineOfPrintableTextWhateverTheProgramIsCalled) {
  Outcome outcome = example();
  outcome.program = std::string("a\n\"\x1b[2J\xff") + std::string(1000, 'x');
  outcome.error = "what\n\xc3\x28";
  const std::string line = encode(outcome);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto heard = decode_outcome(line);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->program.substr(0, 8), "a?\"?[2J?");
  EXPECT_EQ(heard->program.size(), 64U);
  EXPECT_EQ(heard->error,
            "what?"
            "?(");
}

TEST(Outcome, OfAnotherFormIsNone) {
  const std::string good = encode(example());
  EXPECT_FALSE(decode_outcome(""));
  EXPECT_FALSE(decode_outcome("{}"));
  EXPECT_FALSE(decode_outcome("[]"));
  EXPECT_FALSE(decode_outcome(good.substr(0, good.size() / 2)));
  EXPECT_FALSE(decode_outcome(good + good));
  EXPECT_FALSE(decode_outcome(std::string(kMaxOutcome, '[')));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string line = good;
    line.replace(line.find(from), from.size(), to);
    return decode_outcome(line);
  };
  EXPECT_FALSE(with("4711", "-1"));
  EXPECT_FALSE(with("4711", "4294967295")) << "no pid";
  EXPECT_FALSE(with("4711", "\"4711\""));
  EXPECT_FALSE(with("false", "0"));
  EXPECT_FALSE(with("\"no room\"", "1"));
  EXPECT_TRUE(with("4711", "1"));
}

}  // namespace
}  // namespace nines::crash
