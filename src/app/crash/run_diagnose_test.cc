// How a nines-diagnose that misbehaves is taken; the real one is run by tests/integration.
#include "app/crash/run_diagnose.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "sys/file.h"
#include "sys/test_directory.h"

namespace nines::crash {
namespace {

using testing::HasSubstr;

class RunDiagnose : public testing::Test {
 protected:
  RunDiagnose() {
    directory_.write("core", "none");
    core_ = *sys::open_file(directory_.path() + "/core", O_RDONLY);
    request_.program = directory_.path() + "/diagnose";
    request_.core = core_.get();
    request_.within = std::chrono::seconds(30);
  }
  void script(const std::string& text) {
    directory_.write("diagnose", "#!/bin/sh\n" + text + "\n");
    ASSERT_EQ(::chmod(request_.program.c_str(), 0755), 0);
  }

  sys::TestDirectory directory_;
  UniqueFd core_;
  DiagnoseRequest request_;
};

TEST_F(RunDiagnose, MissingIsNotFound) {
  EXPECT_EQ(run_diagnose(request_).error().code(), ErrorCode::kNotFound);
}

TEST_F(RunDiagnose, GetsTheCoreAndTheFiles) {
  script(
      "test \"$(cat $4)\" = none && test \"$1 $2 $3\" = '--signature --file /lib/a' && "
      "echo 0123456789abcdef0123456789abcdef");
  request_.files = {"/lib/a"};
  const auto signature = run_signature(request_);
  ASSERT_TRUE(signature) << signature.error().message();
  EXPECT_EQ(*signature, "0123456789abcdef0123456789abcdef");
}

TEST_F(RunDiagnose, AFailureHasItsWords) {
  script("echo 'nines-diagnose: not a core' >&2; exit 1");
  const auto failed = run_diagnose(request_);
  EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
  EXPECT_THAT(failed.error().detail(), HasSubstr("not a core"));
}

TEST_F(RunDiagnose, KilledIsAFailureWhateverItSaidBefore) {
  script("echo 0123456789abcdef0123456789abcdef; kill -9 $$");
  const auto failed = run_signature(request_);
  EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
  EXPECT_THAT(failed.error().detail(), HasSubstr("signal KILL"));
}

TEST_F(RunDiagnose, AHangEnds) {
  script("exec sleep 1000000");
  request_.within = std::chrono::milliseconds(200);
  EXPECT_EQ(run_diagnose(request_).error().code(), ErrorCode::kTimeout);
}

TEST_F(RunDiagnose, AChildOfItThatGoesOnIsNotWaitedFor) {
  script("sleep 1000000 & echo $! >" + directory_.path() + "/pid; echo rubbish");
  EXPECT_EQ(run_diagnose(request_).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(::kill(std::stoi(directory_.read("pid")), SIGKILL), 0);
}

TEST_F(RunDiagnose, EndlessTextEnds) {
  script("exec cat /dev/zero");
  EXPECT_EQ(run_diagnose(request_).error().code(), ErrorCode::kLimit);
  script("exec cat /dev/zero >&2");
  request_.within = std::chrono::seconds(1);
  EXPECT_FALSE(run_diagnose(request_));
}

TEST_F(RunDiagnose, RubbishIsNoDiagnosis) {
  script("echo '{\"version\": 1}'");
  EXPECT_EQ(run_diagnose(request_).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(run_signature(request_).error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace nines::crash
