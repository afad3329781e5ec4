#include "app/supervise/standard_streams.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/supervise/launch_testing.h"

namespace nines::supervise {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryDirectory;

TEST(StandardStreams, ErrorFollowsOutputUnlessSet) {
  const TemporaryDirectory directory;
  unit::ExecSettings exec;
  const StreamSources log{10, 11, std::nullopt};
  auto streams = open_streams(exec, log);
  ASSERT_TRUE(streams.has_value());
  EXPECT_EQ(streams->input, -1);
  EXPECT_EQ(streams->output, 10);
  EXPECT_EQ(streams->error, 11);
  exec.standard_output = {unit::OutputKind::kNull, ""};
  streams = open_streams(exec, log);
  EXPECT_EQ(streams->output, -1);
  EXPECT_EQ(streams->error, -1);
  exec.standard_error = {unit::OutputKind::kLog, ""};
  exec.standard_error_set = true;
  streams = open_streams(exec, log);
  EXPECT_EQ(streams->output, -1);
  EXPECT_EQ(streams->error, 11);
  exec.standard_output = {unit::OutputKind::kInherit, ""};
  streams = open_streams(exec, log);
  EXPECT_EQ(streams->output, STDOUT_FILENO);
  exec.standard_input_path = "/dev/zero";
  streams = open_streams(exec, log);
  EXPECT_GE(streams->input, 3);
  EXPECT_EQ(streams->output, streams->input);
}

TEST(StandardStreams, TheSocketIsTheOneThatIsPassed) {
  unit::ExecSettings exec;
  exec.standard_output = {unit::OutputKind::kSocket, ""};
  EXPECT_EQ(open_streams(exec, {-1, -1, 7})->output, 7);
  const auto none = open_streams(exec, {});
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().message(), HasSubstr("StandardOutput="));
}

TEST(StandardStreams, AFifoWithoutAReaderDoesNotBlockUs) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  unit::ExecSettings exec;
  exec.standard_output = {unit::OutputKind::kFile, directory / "fifo"};
  const auto streams = open_streams(exec, {});
  ASSERT_TRUE(streams.has_value()) << streams.error().message();
  EXPECT_EQ(::fcntl(streams->output, F_GETFL) & O_NONBLOCK, 0);
}

TEST(StandardStreams, NamesTheDirectiveThatFailed) {
  unit::ExecSettings exec;
  exec.standard_input_path = "/no/such/input";
  EXPECT_THAT(open_streams(exec, {}).error().message(), HasSubstr("StandardInput="));
  exec.standard_input_path.clear();
  exec.standard_error_set = true;
  exec.standard_error = {unit::OutputKind::kAppend, "/no/such/directory/log"};
  EXPECT_THAT(open_streams(exec, {}).error().message(), HasSubstr("StandardError="));
}

}  // namespace
}  // namespace nines::supervise
