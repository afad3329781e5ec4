#include "app/livepatch/patch_build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/file.h"
#include "sys/test_directory.h"

namespace nines::livepatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kMakefile =
    "CFLAGS = -O2 -g\n"
    "all: server tool\n"
    "server: main.o check.o\n\t$(CC) -o $@ $^\n"
    "tool: tool.o\n\t$(CC) -o $@ $^\n"
    "%.o: %.c check.h\n\t$(CC) $(CFLAGS) -c -o $@ $<\n";
constexpr const char* kCheck = R"(#include "check.h"
static int seen;
__attribute__((noinline)) static int note(int x) { return seen += x; }
int check(const char* text) {
  int n = 0;
  while (text[n] != 0 && n < 1000) ++n;
  return note(n) + n;
}
)";

class PatchBuild : public testing::Test {
 protected:
  PatchBuild() {
    directory_.write("source/Makefile", kMakefile);
    directory_.write("source/check.h", "int check(const char* text);\n");
    directory_.write("source/check.c", kCheck);
    directory_.write("source/main.c",
                     "#include \"check.h\"\nint main(int argc, char** argv) { return "
                     "check(argv[argc - 1]); }\n");
    directory_.write("source/tool.c",
                     "#include <stdio.h>\nint main(void) { return puts(\"tool\"); }\n");
    request_.source = directory_.path() + "/source";
    request_.diff = directory_.path() + "/fix.patch";
    request_.command = "make";
    request_.name = "fix";
    request_.compiler_helper = NINES_CC;
  }
  Result<BuiltPatch> fix(const std::string& from, const std::string& to) {
    directory_.write("fix.patch",
                     "Check the length.\n\n--- a/check.c\n+++ b/check.c\n@@ -3,7 +3,7 @@\n"
                     " __attribute__((noinline)) static int note(int x) { return seen += x; }\n"
                     " int check(const char* text) {\n   int n = 0;\n-" +
                         from + "\n+" + to + "\n   return note(n) + n;\n }\n");
    return build_patch(request_, {}, &refused_);
  }
  sys::TestDirectory directory_;
  BuildRequest request_;
  std::vector<BuiltObject> refused_;
};

constexpr const char* kOld = "  while (text[n] != 0 && n < 1000) ++n;";

TEST_F(PatchBuild, NamesTheFunctionAndTheProgram) {
  const auto built = fix(kOld, "  while (n < 100 && text[n] != 0) ++n;");
  ASSERT_TRUE(built) << built.error().message();
  ASSERT_EQ(built->objects.size(), 1U);
  EXPECT_EQ(built->objects[0].source, "check.c");
  EXPECT_THAT(built->objects[0].functions, ElementsAre("check"));
  ASSERT_EQ(built->patch.targets.size(), 1U);
  EXPECT_EQ(built->patch.targets[0].path, "server");
  EXPECT_EQ(built->patch.targets[0].build_id.size(), 40U);
  EXPECT_THAT(built->patch.description, HasSubstr("Check the length."));
  EXPECT_TRUE(decode_patch(encode(built->patch)));
  EXPECT_FALSE(sys::exists(request_.source + "/server")) << "the source is as it was";
}

TEST_F(PatchBuild, ThatLinesMoveIsNoChange) {
  directory_.write("source/check.c", std::string(kCheck) +
                                         "#include <assert.h>\n"
                                         "int below(int x) { assert(x > 3); return x - 1; }\n");
  const auto built = fix(kOld, "  while (n < 100 && text[n] != 0)\n+    ++n;");
  ASSERT_FALSE(built) << "the hunk has a line more than it says";
  directory_.write(
      "fix.patch",
      "--- a/check.c\n+++ b/check.c\n@@ -3,7 +3,8 @@\n"
      " __attribute__((noinline)) static int note(int x) { return seen += x; }\n"
      " int check(const char* text) {\n   int n = 0;\n-" +
          std::string(kOld) +
          "\n+  while (n < 100 && text[n] != 0)\n+    ++n;\n   return note(n) + n;\n }\n");
  const auto moved = build_patch(request_, {}, &refused_);
  ASSERT_TRUE(moved) << moved.error().message();
  EXPECT_THAT(moved->objects[0].functions, ElementsAre("check"));
  EXPECT_THAT(moved->patch.objects[0].only, ElementsAre("check"));
}

TEST_F(PatchBuild, WorksForAStrippedProgramThatWasBuiltElsewhere) {
  const std::string other = directory_.path() + "/installed";
  ASSERT_EQ(std::system(("cp -r " + request_.source + " " + other + " && make -s -C " + other +
                         " && strip " + other + "/server")
                            .c_str()),
            0);
  request_.binaries = {other + "/server"};
  const auto built = fix(kOld, "  while (n < 100 && text[n] != 0) ++n;");
  ASSERT_TRUE(built) << built.error().message();
  EXPECT_EQ(built->patch.targets[0].path, other + "/server");
}

TEST_F(PatchBuild, OtherFlagsAreRefused) {
  const std::string other = directory_.path() + "/installed";
  ASSERT_EQ(
      std::system(("cp -r " + request_.source + " " + other + " && make -s CFLAGS=-O0 -C " + other)
                      .c_str()),
      0);
  request_.binaries = {other + "/server"};
  const auto built = fix(kOld, "  while (n < 100 && text[n] != 0) ++n;");
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(built.error().message(), HasSubstr("nothing of what changes"));
}

TEST_F(PatchBuild, WhatChangesNoCodeIsSaid) {
  const auto built = fix(kOld, "  while (text[n] != 0 && n < 1000) ++n;  /* a comment */");
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(built.error().message(), HasSubstr("no code that was compiled differs"));
}

TEST_F(PatchBuild, WhatARunningProgramCannotTakeIsRefused) {
  const auto built = fix(kOld,
                         "  static __thread int fresh; fresh = text[0];\n"
                         "+  while (text[n] != 0 && n < 1000 + fresh) ++n;");
  ASSERT_FALSE(built);
  // The hunk's line count is another then: `patch` says so first.
  EXPECT_EQ(built.error().code(), ErrorCode::kInvalidArgument);
  const auto live =
      fix(kOld, "  static __thread int fresh; while (text[n] != 0 && n < ++fresh) ++n;");
  ASSERT_FALSE(live);
  EXPECT_EQ(live.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(live.error().message(), HasSubstr("new thread-local variable"));
  ASSERT_EQ(refused_.size(), 1U);
}

TEST_F(PatchBuild, ADiffThatDoesNotApplyAndABuildThatFails) {
  auto built = fix("  while (something else)", "  x");
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), ErrorCode::kInvalidArgument);
  built = fix(kOld, "  this is no C;");
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), ErrorCode::kIo);
  EXPECT_THAT(built.error().message(), HasSubstr("check.c"));
  request_.command = "true";
  built = fix(kOld, "  while (n < 100 && text[n] != 0) ++n;");
  EXPECT_THAT(built.error().message(), HasSubstr("no source was compiled"));
}

}  // namespace
}  // namespace nines::livepatch
