#include "app/crash/crash_site.h"

#include <gtest/gtest.h>

namespace nines::crash {
namespace {

DiagnosedFrame frame(std::string function, std::string module) {
  DiagnosedFrame one;
  one.pc = 0x1234;
  one.offset = 0x234;
  one.function = std::move(function);
  one.module = std::move(module);
  return one;
}

Diagnosis with(std::vector<DiagnosedFrame> frames) {
  Diagnosis diagnosis;
  diagnosis.stacks.emplace_back();
  diagnosis.stacks.back().frames = std::move(frames);
  return diagnosis;
}

TEST(CrashSite, IsTheProgramsOwnFunction) {
  EXPECT_EQ(crash_site({}), "");
  EXPECT_EQ(crash_site(with({frame("abort", "/lib/libc.so.6"), frame("brew(int)", "/bin/pot")})),
            "brew()");
  EXPECT_EQ(crash_site(with({frame("abort", "/lib/libc.so.6")})), "abort");
  EXPECT_EQ(crash_site(with({frame("", "/bin/pot")})), "pot+0x234");
  EXPECT_EQ(crash_site(with({frame("", "")})), "0x1234");
}

TEST(CrashSite, LeavesOutParametersOnly) {
  const auto name = [](const char* function) { return crash_site(with({frame(function, "/p")})); };
  EXPECT_EQ(name("(anonymous namespace)::f(std::function<void (int)>)"),
            "(anonymous namespace)::f()");
  EXPECT_EQ(name("Pot::operator()(int) const"), "Pot::operator()(int) const");
  EXPECT_EQ(name("main"), "main");
  EXPECT_EQ(name("(x)"), "(x)");
  EXPECT_EQ(name("odd)"), "odd)");
  EXPECT_EQ(name("\x1b[31m"), "?[31m");
  EXPECT_EQ(name(std::string(10'000, 'x').c_str()).size(), 200U);
}

TEST(CrashSite, IsWhatWasInterruptedWhereAHandlerRaisedItAgain) {
  DiagnosedFrame handler = frame("", "/lib/libc.so.6");
  handler.signal = true;
  Diagnosis diagnosis = with(
      {frame("raise", "/lib/libc.so.6"), frame("on_fault", "/p"), handler, frame("brew", "/p")});
  EXPECT_EQ(crash_site(diagnosis), "on_fault");
  diagnosis.original_signal.emplace();
  EXPECT_EQ(crash_site(diagnosis), "brew");
}

}  // namespace
}  // namespace nines::crash
