#include "app/crash/timed_read.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "base/unique_fd.h"

namespace nines::crash {
namespace {

/// Its ends block, as the kernel's pipe does.
class TimedRead : public testing::Test {
 protected:
  TimedRead() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    from_.reset(ends[0]);
    to_.reset(ends[1]);
  }
  void say(const std::string& text) const {
    ASSERT_EQ(::write(to_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  UniqueFd from_, to_;
  std::array<char, 8> into_{};
};

TEST_F(TimedRead, ThatIsToldNothingEndsAtItsDeadline) {
  const BootTime deadline = boot_now() + std::chrono::milliseconds(30);
  const auto read = read_some(from_.get(), into_.data(), into_.size(), deadline);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::kTimeout);
  EXPECT_GE(boot_now(), deadline);
}

TEST_F(TimedRead, OfExactlySoMuchEndsAtItsDeadlineToo) {
  say("abc");
  const auto read =
      read_exactly(from_.get(), into_.data(), 4, boot_now() + std::chrono::milliseconds(30));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::kTimeout);
}

TEST_F(TimedRead, TakesWhatIsThereAndThenTheEnd) {
  say("abc");
  to_.reset();
  const BootTime deadline = boot_now() + std::chrono::minutes(1);
  EXPECT_EQ(*read_some(from_.get(), into_.data(), into_.size(), deadline), 3U);
  EXPECT_EQ(*read_some(from_.get(), into_.data(), into_.size(), deadline), 0U);
  const auto more = read_exactly(from_.get(), into_.data(), 1, deadline);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), ErrorCode::kGone);
}

}  // namespace
}  // namespace nines::crash
