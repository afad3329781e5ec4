#include "base/id128.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>
#include <string>
#include <thread>

namespace nines {
namespace {

constexpr std::string_view kText = "0123456789abcdef00fedcba98765432";

TEST(Id128, ComesBackAsItWasWritten) {
  const auto id = Id128::parse(kText);
  ASSERT_TRUE(id);
  EXPECT_FALSE(id->is_null());
  EXPECT_EQ(id->str(), kText);
  EXPECT_EQ(id->bytes()[0], 0x01);
  EXPECT_EQ(id->bytes()[15], 0x32);
  EXPECT_EQ(Id128(id->bytes()), *id);
  EXPECT_NE(*id, Id128());
}

TEST(Id128, OfNothingIsNull) {
  EXPECT_TRUE(Id128().is_null());
  EXPECT_EQ(Id128().str(), "");
  EXPECT_EQ(Id128().digits(), std::string(Id128::kDigits, '0'));
}

TEST(Id128, IsNoOtherText) {
  for (const std::string text :
       {"", "0", "0123456789abcdef00fedcba9876543", "0123456789abcdef00fedcba987654321",
        "0123456789ABCDEF00fedcba98765432", "0123456789abcdef-0fedcba98765432",
        "0123456789abcdefg0fedcba98765432"}) {
    EXPECT_FALSE(Id128::parse(text)) << text;
  }
}

constexpr std::size_t kIds = 60;  // more than the random bytes of one system call are enough for
constexpr std::size_t kIdSize = Id128::kDigits;
constexpr std::size_t kRandomDigits = 20;

std::string random_part(const std::string& id) {
  return id.substr(id.size() - kRandomDigits);
}

TEST(NewId128, BeginsWithTheTimeAndIsNeverTheSame) {
  std::set<std::string> seen;
  std::string last;
  for (std::size_t i = 0; i < 10 * kIds; ++i) {
    const std::string id = Id128::make().digits();
    ASSERT_EQ(id.size(), kIdSize);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(seen.insert(random_part(id)).second) << id;
    EXPECT_GE(id.substr(0, kIdSize - kRandomDigits), last);
    last = id.substr(0, kIdSize - kRandomDigits);
  }
}

TEST(NewId128, DiffersBetweenThreads) {
  const std::string here = Id128::make().digits();
  std::string there;
  std::thread([&] { there = Id128::make().digits(); }).join();
  EXPECT_NE(random_part(here), random_part(there));
}

TEST(NewId128, OfAChildOfForkIsNoneOfItsParent) {
  (void)Id128::make().digits();  // there is something that the child could go on with
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::string ids;
    for (std::size_t i = 0; i < kIds; ++i) ids += random_part(Id128::make().digits());
    const auto size = static_cast<ssize_t>(ids.size());
    ::_exit(::write(pipe[1], ids.data(), ids.size()) == size ? 0 : 1);
  }
  ::close(pipe[1]);
  std::set<std::string> ours;
  for (std::size_t i = 0; i < kIds; ++i) ours.insert(random_part(Id128::make().digits()));
  std::string theirs(kIds * kRandomDigits, '\0');
  std::size_t have = 0;
  for (ssize_t n = 1; n > 0 && have < theirs.size(); have += static_cast<std::size_t>(n)) {
    n = ::read(pipe[0], theirs.data() + have, theirs.size() - have);
    ASSERT_GE(n, 0);
  }
  ::close(pipe[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_EQ(have, theirs.size());
  for (std::size_t i = 0; i < kIds; ++i) {
    EXPECT_FALSE(ours.contains(theirs.substr(i * kRandomDigits, kRandomDigits)));
  }
}

}  // namespace
}  // namespace nines
