#include "app/crash/kept_crash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/test_directory.h"

namespace nines::crash {
namespace {

using testing::HasSubstr;

const std::string kOld = "019000000000aaaaaaaaaaaaaaaaaaaa";
const std::string kNew = "019000000000aabbbbbbbbbbbbbbbbbb";

class KeptCrashes : public testing::Test {
 protected:
  void add(const std::string& id) {
    Outcome outcome;
    outcome.program = "teapot";
    root_.write("crashes/" + id + "/capture.json", encode(outcome));
  }
  std::string store() const { return root_.path() + "/crashes"; }
  sys::TestDirectory root_;
};

TEST_F(KeptCrashes, AreNoneWhereNothingWasKept) {
  const auto crashes = list_crashes(store());
  ASSERT_TRUE(crashes);
  EXPECT_TRUE(crashes->empty());
  EXPECT_EQ(find_crash(store(), "latest").error().code(), ErrorCode::kNotFound);
}

TEST_F(KeptCrashes, AreFoundByWhatNoOtherBeginsWith) {
  add(kOld);
  add(kNew);
  root_.write("crashes/" + kNew + ".part/core", "");
  root_.write("crashes/README", "");
  const auto crashes = list_crashes(store());
  ASSERT_TRUE(crashes);
  ASSERT_EQ(crashes->size(), 2U);
  EXPECT_EQ(crashes->front().id, kNew);
  EXPECT_EQ(crashes->front().outcome->program, "teapot");
  EXPECT_EQ(to_iso8601(crashes->front().time), "2024-06-10T02:35:18.400Z");
  EXPECT_EQ(short_id_length(*crashes), 15U);
  EXPECT_EQ(find_crash(store(), "latest")->id, kNew);
  EXPECT_EQ(find_crash(store(), kOld)->id, kOld);
  EXPECT_EQ(find_crash(store(), "019000000000aaa")->id, kOld);
  const auto several = find_crash(store(), "0190");
  EXPECT_EQ(several.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(several.error().hint(), HasSubstr(kOld));
  EXPECT_THAT(several.error().hint(), HasSubstr(kNew));
  EXPECT_EQ(find_crash(store(), "02").error().code(), ErrorCode::kNotFound);
  for (const char* word : {"", "..", "../etc", "0190*"}) {
    EXPECT_EQ(find_crash(store(), word).error().code(), ErrorCode::kInvalidArgument) << word;
  }
}

TEST_F(KeptCrashes, AreListedWithoutWhatCannotBeRead) {
  root_.write("crashes/" + kOld + "/capture.json", "{");
  const auto crash = find_crash(store(), kOld);
  ASSERT_TRUE(crash);
  EXPECT_FALSE(crash->outcome);
  EXPECT_EQ(read_diagnosis(*crash).error().code(), ErrorCode::kNotFound);
  root_.write("crashes/" + kOld + "/diagnosis.json", "[]");
  EXPECT_EQ(read_diagnosis(*crash).error().code(), ErrorCode::kCorrupt);
  root_.write("crashes/" + kOld + "/facts.json", "{\"executable\":7,\"files\":[{}]}");
  EXPECT_EQ(fact_of(*crash, "executable").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(fact_of(*crash, "other").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(mapped_paths(*crash).error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace nines::crash
