#include "base/sparse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace nines {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Numbers = Sparse<std::vector<int>>;

TEST(Sparse, IsAPointerLargeAndEmptyAtFirst) {
  static_assert(sizeof(Numbers) == sizeof(void*));
  const Numbers none;
  EXPECT_THAT(none, IsEmpty());
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_EQ(none, Numbers{});
  EXPECT_FALSE(Sparse<std::set<int>>().contains(1));
}

TEST(Sparse, ReadsAndIsFilledLikeTheContainer) {
  Numbers numbers;
  numbers.push_back(1);
  numbers.push_back(2);
  numbers.edit().push_back(3);
  EXPECT_THAT(numbers, ElementsAre(1, 2, 3));
  EXPECT_EQ(numbers[1], 2);
  EXPECT_EQ(numbers.front() + numbers.back(), 4);
  const std::vector<int>& view = numbers;
  EXPECT_EQ(&view, &numbers.get());
  numbers = {7};
  EXPECT_THAT(numbers, ElementsAre(7));
  numbers.clear();
  EXPECT_THAT(numbers, IsEmpty());
}

TEST(Sparse, CopiesAreIndependent) {
  Numbers one = {1};
  Numbers other = one;
  other.push_back(2);
  EXPECT_THAT(one, ElementsAre(1));
  EXPECT_NE(one, other);
  one = other;
  EXPECT_EQ(one, other);
  EXPECT_EQ(Numbers(std::vector<int>{}), Numbers());
}

TEST(SparseOptional, HoldsNothingOrAValueOfItsOwn) {
  SparseOptional<std::string> none;
  EXPECT_FALSE(none.has_value());
  SparseOptional<std::string> some = std::string("a");
  SparseOptional<std::string> other = some;
  *other += "b";
  EXPECT_EQ(*some, "a");
  EXPECT_EQ(other->size(), 2U);
  some = none;
  EXPECT_FALSE(some);
  other.reset();
  EXPECT_FALSE(other);
}

TEST(CopyOnWrite, IsSharedUntilChanged) {
  CopyOnWrite<std::string> one;
  CopyOnWrite<std::string> two{std::string()};
  EXPECT_EQ(&*one, &*two) << "what equals the default is the default";
  one.edit() = "changed";
  EXPECT_EQ(*one, "changed");
  EXPECT_EQ(*two, "");
  EXPECT_EQ(*CopyOnWrite<std::string>(), "");
  const CopyOnWrite<std::string> copy = one;
  EXPECT_EQ(&*copy, &*one);
  one.edit() += "!";
  EXPECT_EQ(*copy, "changed");
}

}  // namespace
}  // namespace nines
