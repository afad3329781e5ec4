#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"

#include <fcntl.h>

#include <cerrno>

namespace nines {
namespace {

TEST(Error, NamesWhatWhereAndWhy) {
  const Error error = Error::from_errno(ENOENT, "open", "/no/such").in("load unit");
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(error.message(), "load unit: open /no/such: No such file or directory");
}

TEST(Error, DetailReplacesTheBareCode) {
  EXPECT_EQ(Error(ErrorCode::kLimit, "queue", "events").message(), "queue events: limit");
  EXPECT_EQ(Error(ErrorCode::kLimit, "queue", "events").with_detail("1024 waiting").message(),
            "queue events: 1024 waiting");
}

Result<int> half(int n) {
  if (n % 2 != 0) return Error(ErrorCode::kInvalidArgument, "halve", std::to_string(n));
  return n / 2;
}
Result<int> quarter(int n) {
  NINES_ASSIGN(const int once, half(n));
  NINES_ASSIGN(const int twice, half(once));
  return twice;
}

TEST(Result, AssignReturnsTheFirstError) {
  EXPECT_EQ(*quarter(8), 2);
  ASSERT_FALSE(quarter(6).has_value());
  EXPECT_EQ(quarter(6).error().subject(), "3");
}

TEST(UniqueFd, MoveAssignClosesTheOldOne) {
  UniqueFd a(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int old = a.get();
  a = UniqueFd(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(::fcntl(old, F_GETFD), -1);
  EXPECT_EQ(errno, EBADF);
  UniqueFd b = std::move(a);
  EXPECT_FALSE(a.valid());  // NOLINT(bugprone-use-after-move): the moved-from state is the subject
  EXPECT_GE(::fcntl(b.get(), F_GETFD), 0);
}

TEST(Clock, Iso8601RoundTrip) {
  const UtcTime time{1795385281123000000};
  EXPECT_EQ(parse_iso8601(to_iso8601(time))->ns, time.ns);
  EXPECT_FALSE(parse_iso8601("2026-02-31T00:00:00Z").has_value());
  EXPECT_FALSE(parse_iso8601("2026-02-21T00:00:00").has_value());
  EXPECT_FALSE(parse_iso8601("2026-02-21T00:00:00.Z").has_value());
  EXPECT_FALSE(parse_iso8601("2026-02-21T00:00:61Z").has_value());
  EXPECT_FALSE(parse_iso8601("2026-2-21T00:00:00Z").has_value());
  EXPECT_FALSE(parse_iso8601("2026-+2-21T00:00:00Z").has_value());
  // Beyond 64 bits of nanoseconds.
  EXPECT_FALSE(parse_iso8601("9999-12-31T00:00:00Z").has_value());
  EXPECT_FALSE(parse_iso8601("0001-01-01T00:00:00Z").has_value());
  EXPECT_EQ(parse_iso8601("2026-02-21T00:00:00.000000001Z")->ns % 1000, 1);
}

TEST(Clock, HumanDurations) {
  EXPECT_EQ(to_human(std::chrono::microseconds(870)), "870 µs");
  EXPECT_EQ(to_human(std::chrono::microseconds(5230)), "5.2 ms");
  EXPECT_EQ(to_human(std::chrono::seconds(184)), "3 min 4 s");
  EXPECT_EQ(to_human(std::chrono::hours(51)), "2 d 3 h");
}

TEST(Fault, FiresOnTheNamedPassOnly) {
  ASSERT_TRUE(fault::arm("state_before_save:fail@2").has_value());
  EXPECT_TRUE(fault::hit(FaultPoint::state_before_save).has_value());
  EXPECT_EQ(fault::hit(FaultPoint::state_before_save).error().code(), ErrorCode::kInjected);
  EXPECT_TRUE(fault::hit(FaultPoint::state_before_save).has_value());
  ASSERT_TRUE(fault::arm("").has_value());
}

TEST(Fault, RefusesUnknownNames) {
  EXPECT_EQ(fault::arm("nowhere:kill").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(fault::arm("state_before_save:explode").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(fault::arm("state_before_save:kill@0").error().code(), ErrorCode::kInvalidArgument);
  ASSERT_TRUE(fault::arm("").has_value());
}

TEST(Bytes, ForPeople) {
  EXPECT_EQ(to_string(Bytes{512}), "512 B");
  EXPECT_EQ(to_string(10_MiB), "10.0 MiB");
}

}  // namespace
}  // namespace nines
