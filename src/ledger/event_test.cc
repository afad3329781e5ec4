#include "ledger/event.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>
#include <string>
#include <thread>

namespace nines::ledger {
namespace {

constexpr std::size_t kIds = 60;  // more than the random bytes of one system call are enough for
constexpr std::size_t kIdSize = 32;
constexpr std::size_t kRandomDigits = 20;

std::string random_part(const std::string& id) {
  return id.substr(id.size() - kRandomDigits);
}

TEST(NewId, BeginsWithTheTimeAndIsNeverTheSame) {
  std::set<std::string> seen;
  std::string last;
  for (std::size_t i = 0; i < 10 * kIds; ++i) {
    const std::string id = new_id();
    ASSERT_EQ(id.size(), kIdSize);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(seen.insert(random_part(id)).second) << id;
    EXPECT_GE(id.substr(0, kIdSize - kRandomDigits), last);
    last = id.substr(0, kIdSize - kRandomDigits);
  }
}

TEST(NewId, DiffersBetweenThreads) {
  const std::string here = new_id();
  std::string there;
  std::thread([&] { there = new_id(); }).join();
  EXPECT_NE(random_part(here), random_part(there));
}

TEST(NewId, OfAChildOfForkIsNoneOfItsParent) {
  (void)new_id();  // there is something that the child could go on with
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::string ids;
    for (std::size_t i = 0; i < kIds; ++i) ids += random_part(new_id());
    const auto size = static_cast<ssize_t>(ids.size());
    ::_exit(::write(pipe[1], ids.data(), ids.size()) == size ? 0 : 1);
  }
  ::close(pipe[1]);
  std::set<std::string> ours;
  for (std::size_t i = 0; i < kIds; ++i) ours.insert(random_part(new_id()));
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
}  // namespace nines::ledger
