#include "app/crash/pipe_protocol.h"

#include <gtest/gtest.h>

namespace nines::crash {
namespace {

TEST(PipeNotice, ComesBackAsItWasSaid) {
  const auto heard = decode_pipe_notice(encode({4711, 1}));
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->pid, 4711);
  EXPECT_EQ(heard->dumpable, 1);
}

TEST(PipeNotice, OfAnotherFormIsNone) {
  for (const char* line : {"", "\n", "pipe", "pipe \n", "pipe 1\n", "pipe 1 \n", "pipe 1 2",
                           "pipe 1 2 3\n", "pipe -1 2\n", "pipe 0 2\n", "pipe 99999999999 2\n",
                           "pip 1 2\n", "pipe x 2\n", "pipe 1 x\n"}) {
    EXPECT_FALSE(decode_pipe_notice(line)) << line;
  }
}

}  // namespace
}  // namespace nines::crash
