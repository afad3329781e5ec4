#include "app/crash/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/crash/classify.h"

namespace nines::crash {
namespace {

using testing::ElementsAre;

/// Modules with stacks in them.
class Signatures : public testing::Test {
 protected:
  Signatures() {
    program_.path = "/usr/bin/teapot";
    program_.build_id = "aa";
    program_.bias = 0x10000;
    libc_.path = "/lib/libc.so.6";
    libc_.build_id = "cc";
    libc_.bias = 0x70000;
  }

  trace::Frame in(trace::ModuleView& module, std::uint64_t offset) {
    trace::Frame frame;
    frame.module = &module;
    frame.pc = module.bias + offset;
    frame.trust = trace::Trust::kCallFrameInfo;
    return frame;
  }
  trace::Frame own(std::uint64_t offset) { return in(program_, offset); }

  trace::Stack stack(std::vector<trace::Frame> frames) {
    trace::Stack made;
    made.frames = std::move(frames);
    return made;
  }

  trace::ModuleView program_, libc_;
};

TEST_F(Signatures, AreOfTheProgramsOwnFrames) {
  const auto found = signature_of(6, stack({in(libc_, 1), in(libc_, 2), own(0x10), own(0x20)}), 0);
  EXPECT_THAT(found.frames, ElementsAre("aa+0x10", "aa+0x20"));
  EXPECT_EQ(found.id.size(), 32U);
}

TEST_F(Signatures, DoNotChangeWithTheAddress) {
  const auto one = signature_of(11, stack({own(0x10), own(0x20)}), 0);
  program_.bias = 0x999000;
  EXPECT_EQ(signature_of(11, stack({own(0x10), own(0x20)}), 0).id, one.id);
  EXPECT_NE(signature_of(6, stack({own(0x10), own(0x20)}), 0).id, one.id);
  EXPECT_NE(signature_of(11, stack({own(0x11), own(0x20)}), 0).id, one.id);
}

TEST_F(Signatures, DoNotCountHowDeepARecursionWent) {
  const auto found = signature_of(
      11, stack({own(1), own(2), own(3), own(2), own(3), own(2), own(3), own(4), own(4), own(5)}),
      0);
  EXPECT_THAT(found.frames, ElementsAre("aa+0x1", "aa+0x2", "aa+0x3", "aa+0x4", "aa+0x5"));
}

TEST_F(Signatures, BeginBehindTheHandler) {
  const auto found = signature_of(11, stack({own(1), own(2), in(libc_, 3), own(4)}), 3);
  EXPECT_THAT(found.frames, ElementsAre("aa+0x4"));
}

TEST_F(Signatures, EndAtAGuess) {
  auto guess = own(3);
  guess.trust = trace::Trust::kScan;
  EXPECT_THAT(signature_of(11, stack({own(1), own(2), guess, own(4)}), 0).frames,
              ElementsAre("aa+0x1", "aa+0x2"));
}

TEST_F(Signatures, TakeTheRuntimeWhereNothingElseIs) {
  EXPECT_THAT(signature_of(11, stack({in(libc_, 1), in(libc_, 2)}), 0).frames,
              ElementsAre("cc+0x1", "cc+0x2"));
}

TEST_F(Signatures, NameWhatHasNoBuildIdByItsFile) {
  program_.build_id.clear();
  trace::Frame nowhere;
  nowhere.pc = 0x1234;
  EXPECT_THAT(signature_of(11, stack({nowhere, own(2)}), 0).frames,
              ElementsAre("anonymous", "teapot+0x2"));
}

TEST(Runtime, IsKnownByTheFile) {
  for (const char* name : {"libc.so.6", "libc-2.31.so", "libstdc++.so.6.0.30", "[vdso]",
                           "ld-linux-x86-64.so.2", "libpthread.so.0"}) {
    EXPECT_TRUE(is_runtime(name)) << name;
  }
  for (const char* name : {"libcurl.so.4", "libmagic.so.1", "teapot", "libcrypto.so.3"}) {
    EXPECT_FALSE(is_runtime(name)) << name;
  }
}

TEST(Abort, IsClassifiedByItsMessage) {
  const std::pair<const char*, const char*> kMessages[] = {
      {"a.c:3: f: Assertion `x' failed.", "assertion"},
      {"free(): double free detected in tcache 2", "heap-corruption"},
      {"malloc(): corrupted top size", "heap-corruption"},
      {"munmap_chunk(): invalid pointer", "heap-corruption"},
      {"corrupted size vs. prev_size", "heap-corruption"},
      {"*** stack smashing detected ***: terminated", "stack-smashing"},
      {"*** buffer overflow detected ***: terminated", "buffer-overflow"},
      {"The futex facility returned an unexpected error code.", "abort"}};
  for (const auto& [message, kind] : kMessages) {
    EXPECT_EQ(classify_abort(std::string(message), {}).kind, kind) << message;
  }
  EXPECT_EQ(classify_abort({}, {}).kind, "abort");
  const CxxException exception{"std::runtime_error", "no tea"};
  EXPECT_EQ(classify_abort({}, exception).summary,
            "Nobody caught a C++ exception of type std::runtime_error: no tea");
}

}  // namespace
}  // namespace nines::crash
