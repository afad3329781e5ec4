#include "app/livepatch/object_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/livepatch/built_program.h"
#include "app/livepatch/section_graph.h"

namespace nines::livepatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kFlags = "-O2 -fPIE -ffunction-sections -fdata-sections";
constexpr const char* kSource = R"(
#include <stdio.h>
#include <stdlib.h>
__attribute__((cold)) void report(const char* what, int x);
int limit = 10;
const int table[4] = {1, 2, 3, 4};
static __thread int own;
/*NEW*/
__attribute__((noinline)) static int next(void) {
  static int counter;
  return ++counter + own;
}
__attribute__((noinline)) int check(int x) {
  static int counter = 3;
  counter += x;
  if (x > limit) { report("too large", x); counter = 0; }
  return table[x & 3] + counter;
}
__attribute__((noinline)) int kind(int x) {
  switch (x) {
    case 0: return next();
    case 1: return 17;
    case 2: return check(x);
    case 3: return x * limit;
    case 4: return puts("four");
    case 5: return 3;
    default: return 0;
  }
}
__attribute__((noinline)) int other(int x) { return puts("other") + kind(x); }
)";

class Diff : public testing::Test {
 protected:
  /// @param changes  text -> what it is instead.
  ObjectDiff diff(const std::vector<std::pair<std::string, std::string>>& changes,
                  const std::string& flags = kFlags) {
    std::string patched = kSource;
    for (const auto& [from, to] : changes) {
      const std::size_t at = patched.find(from);
      EXPECT_NE(at, std::string::npos) << from;
      if (at != std::string::npos) patched.replace(at, from.size(), to);
    }
    before_bytes_ = compiler_.read(compiler_.object("before", kSource, flags));
    after_bytes_ = compiler_.read(compiler_.object("after", patched, flags));
    auto before = elf::Object::open(before_bytes_), after = elf::Object::open(after_bytes_);
    EXPECT_TRUE(before && after);
    if (!before || !after) return {};
    before_ = std::move(*before);
    after_ = std::move(*after);
    return diff_objects(before_, after_);
  }
  std::set<std::string> changed(const ObjectDiff& diff) const {
    std::set<std::string> names;
    for (const SectionPair& pair : diff.changed) {
      names.insert(function_name(after_.sections()[pair.after]));
    }
    return names;
  }
  std::vector<std::string> names(const std::vector<std::size_t>& sections) const {
    std::vector<std::string> found;
    for (const std::size_t section : sections) found.push_back(after_.sections()[section].name);
    return found;
  }

  Compiler compiler_;
  std::string before_bytes_, after_bytes_;
  elf::Object before_, after_;
};

TEST_F(Diff, OfTheSameSourceIsEmpty) {
  const ObjectDiff same = diff({});
  EXPECT_TRUE(same.empty());
  EXPECT_THAT(same.removed, IsEmpty());
  EXPECT_THAT(same.refusals, IsEmpty());
}

TEST_F(Diff, NamesTheFunctionThatChanges) {
  EXPECT_THAT(changed(diff({{"return 17", "return 18"}})), ElementsAre("kind"));
  EXPECT_THAT(changed(diff({{"x > limit", "x >= limit"}})), ElementsAre("check"));
}

TEST_F(Diff, TakesTheUnlikelyPartAlong) {
  const ObjectDiff fixed = diff({{"x > limit", "x >= limit"}});
  std::vector<std::string> sections;
  for (const SectionPair& pair : fixed.changed)
    sections.push_back(after_.sections()[pair.after].name);
  EXPECT_THAT(sections, UnorderedElementsAre(".text.check", ".text.unlikely.check"));
}

TEST_F(Diff, OfALiteralIsWhoRefersToIt) {
  EXPECT_THAT(changed(diff({{"\"four\"", "\"4\""}})), ElementsAre("kind"));
  // One more in front moves all others: no matter of theirs.
  const ObjectDiff one = diff({{"/*NEW*/", "int fresh(void) { return puts(\"aaaa\"); }"}});
  EXPECT_THAT(changed(one), IsEmpty());
  EXPECT_THAT(names(one.added), ElementsAre(".text.fresh"));
}

TEST_F(Diff, KnowsStaticVariablesByTheirFunction) {
  const ObjectDiff moved =
      diff({{"/*NEW*/",
             "__attribute__((noinline)) int fresh(void) { static int counter; return ++counter; }"},
            {"return 17", "return fresh()"}});
  EXPECT_THAT(changed(moved), ElementsAre("kind"));
  EXPECT_THAT(moved.refusals, IsEmpty());
  EXPECT_THAT(names(moved.new_data), UnorderedElementsAre(".bss.counter.2", ".rodata.kind"))
      << "one counter, and the table of a switch that changes; two counters are those that were "
         "there";
  for (const auto& [after, before] : moved.same) {
    const elf::ObjectSection& now = after_.sections()[after];
    if (is_numbered(now.name)) {
      EXPECT_EQ(now.size, before_.sections()[before].size);
      EXPECT_EQ(now.type, before_.sections()[before].type) << "the one with a value, or the other";
    }
  }
}

TEST_F(Diff, OfConstantDataIsWhoReadsIt) {
  const ObjectDiff constants = diff({{"{1, 2, 3, 4}", "{1, 2, 3, 5}"}});
  EXPECT_THAT(constants.refusals, IsEmpty());
  EXPECT_THAT(changed(constants), ElementsAre("check"));
  EXPECT_THAT(names(constants.new_data), ElementsAre(".rodata.table"));
}

TEST_F(Diff, OfLiveDataIsRefused) {
  EXPECT_THAT(diff({{"limit = 10", "limit = 11"}}).refusals,
              ElementsAre(HasSubstr(".data.limit has another initial value")));
  EXPECT_THAT(diff({{"static int counter = 3;", "static long counter = 3;"}}).refusals,
              ElementsAre(HasSubstr("changes its size from 4 to 8")));
  EXPECT_THAT(diff({{"/*NEW*/", "__thread int fresh;"}}).refusals,
              ElementsAre(HasSubstr("new thread-local data")));
  EXPECT_THAT(
      diff({{"/*NEW*/", "__attribute__((constructor)) void fresh(void) { limit = 5; }"}}).refusals,
      ElementsAre(HasSubstr("runs at the start")));
}

TEST_F(Diff, HasNewFunctionsAndData) {
  const ObjectDiff more =
      diff({{"/*NEW*/",
             "int fresh = 4; static int hidden[8];\n"
             "__attribute__((noinline)) int use(int x) { return hidden[x & 7]++ + fresh; }"},
            {"return 17", "return use(x)"}});
  EXPECT_THAT(names(more.added), testing::Contains(".text.use"));
  EXPECT_THAT(names(more.new_data),
              UnorderedElementsAre(".data.fresh", ".bss.hidden", ".rodata.kind"));
  EXPECT_THAT(changed(more), ElementsAre("kind"));
}

TEST_F(Diff, HasInlinedCopies) {
  // Without noinline the body of next() is in kind() alone.
  const ObjectDiff inlined = diff({{"return ++counter + own", "return ++counter + own + 1"}},
                                  std::string(kFlags) + " -Dnoinline=unused");
  EXPECT_TRUE(changed(inlined).contains("kind"));
}

TEST_F(Diff, IsTheSameWithoutOptimising) {
  EXPECT_THAT(
      changed(diff({{"return 17", "return 18"}}, "-O0 -ffunction-sections -fdata-sections")),
      ElementsAre("kind"));
}

}  // namespace
}  // namespace nines::livepatch
