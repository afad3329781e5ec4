#include "app/crash/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "app/crash/diagnosis_json.h"

namespace nines::crash {
namespace {

using testing::HasSubstr;
using testing::Not;

DiagnosedFrame frame(std::string function, std::uint64_t pc) {
  DiagnosedFrame one;
  one.pc = pc;
  one.module = "/usr/bin/teapot";
  one.offset = pc - 0x5000;
  one.build_id = "abcd";
  one.function = std::move(function);
  one.function_offset = 4;
  one.trust = "cfi";
  return one;
}

Diagnosis sample() {
  Diagnosis d;
  d.pid = 42;
  d.uid = 1000;
  d.name = "teapot";
  d.arguments = "teapot --boil";
  d.signal.number = 11;
  d.signal.code = 1;
  d.signal.address = 0xfedcba9876543210;
  d.signal_name = "SIGSEGV";
  d.original_signal = d.signal;
  d.classification = {"null-dereference", "A write of 4 bytes to 0x10: rdx is 0x0.", {"It is so."}};
  d.signature = {"0123456789abcdef0123456789abcdef", {"abcd+0x10"}};
  d.instruction = "mov dword ptr [rdx+0x10], 0x07";
  d.registers = {{"rax", 0xffffffffffffffff}, {"rdx", 0}};
  d.thread_count = 34;
  DiagnosedStack crashed;
  crashed.tids = {42};
  for (int i = 0; i < 30; ++i) crashed.frames.push_back(frame("pour", 0x6000));
  crashed.frames[0].file = "/src/pot.cc";
  crashed.frames[0].line = 7;
  crashed.frames[0].inlined = true;
  crashed.frames[0].arguments = {{"cups", "3"}};
  crashed.frames[1].trust = "scan";
  crashed.frames[2].signal = true;
  crashed.frames.push_back(frame("brew", 0x7000));
  crashed.elided = 1000;
  crashed.elided_at = 20;
  crashed.why_incomplete = "the stack cannot be read";
  DiagnosedStack waiting;
  for (int i = 0; i < 32; ++i) waiting.tids.push_back(100 + i);
  waiting.frames = {frame("pause", 0x7000), frame("wait", 0x7010), frame("run", 0x7020),
                    frame("start_thread", 0x7030)};
  waiting.complete = true;
  d.stacks = {crashed, waiting, waiting, waiting, waiting};
  d.modules = {{"/usr/bin/teapot", 0x5000, 0x9000, "abcd", "verified"}};
  d.notes = {"Something was missing."};
  return d;
}

TEST(Report, TellsTheCrashInAboutTwentyLines) {
  const std::string text = report_text(sample(), ReportLength::kShort);
  EXPECT_THAT(text, HasSubstr("teapot (pid 42, user 1000) died of SIGSEGV: null-dereference\n"
                              "  A write of 4 bytes to 0x10: rdx is 0x0.\n"));
  EXPECT_THAT(text, HasSubstr("#0   pour [cups=3] at pot.cc:7 (inlined)\n"));
  EXPECT_THAT(text, HasSubstr("#1   pour+0x4 in teapot (guessed: scan)\n"));
  EXPECT_THAT(text, HasSubstr("#2   <signal handler called>\n"));
  EXPECT_THAT(text, HasSubstr("  #3   pour+0x4 in teapot\n       and the same 16 times more\n"
                              "  ... 1000 frames more ...\n       and the same 10 times more\n"
                              "  #1030 brew+0x4 in teapot\n"
                              "  (ends here: the stack cannot be read)\n"));
  EXPECT_THAT(text, HasSubstr("32 threads in pause < wait < run\n"));
  EXPECT_THAT(text, HasSubstr("... 1 other stacks\n"));
  EXPECT_THAT(text, HasSubstr("note: Something was missing.\n"));
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 28);
  EXPECT_THAT(text, Not(HasSubstr("modules")));
}

TEST(Report, TellsAllOfItWhenAsked) {
  const std::string text = report_text(sample(), ReportLength::kFull);
  EXPECT_THAT(text, HasSubstr("/src/pot.cc:7"));
  EXPECT_THAT(text, HasSubstr("... 1000 frames more ...\n"));
  EXPECT_THAT(text, HasSubstr("  #1030 0x0000000000007000 brew"));
  EXPECT_THAT(text, HasSubstr("rax 0xffffffffffffffff"));
  EXPECT_THAT(text, HasSubstr("abcd /usr/bin/teapot (verified)"));
  EXPECT_THAT(text, HasSubstr("32 threads: 100 101"));
}

TEST(Report, NamesOfTheOtherProgramCannotMoveTheCursor) {
  Diagnosis diagnosis = sample();
  diagnosis.name = "\x1b[2J";
  diagnosis.arguments = "a\nb\xff";
  diagnosis.stacks[0].frames[5].function =
      "\x9b"
      "31m";
  diagnosis.notes[0] = "\r";
  const std::string text = report_text(diagnosis, ReportLength::kFull);
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << int{c};
}

TEST(Report, OfNothingIsStillOne) {
  EXPECT_THAT(report_text(Diagnosis{}, ReportLength::kFull), HasSubstr("died of"));
}

TEST(DiagnosisJson, ComesBackAsItWent) {
  const std::string text = diagnosis_json(sample());
  const auto back = parse_diagnosis(text);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(diagnosis_json(*back), text);
  EXPECT_EQ(back->signal.address, 0xfedcba9876543210U);
  EXPECT_EQ(report_text(*back, ReportLength::kFull), report_text(sample(), ReportLength::kFull));
}

TEST(DiagnosisJson, IsOneLineOfAscii) {
  Diagnosis diagnosis = sample();
  diagnosis.name = "\xff\x1b\n\xc3\xa9";
  const std::string text = diagnosis_json(diagnosis);
  for (const char c : text) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << int{c};
}

TEST(DiagnosisJson, TakesNothingElse) {
  for (const std::string text : {"", "{}", "[1]", "{\"version\":1}", "{\"version\":2}"}) {
    EXPECT_FALSE(parse_diagnosis(text)) << text;
  }
  std::string text = diagnosis_json(sample());
  const std::string pc = "\"pc\":\"0x6000\"";
  text.replace(text.find(pc), pc.size(), "\"pc\":\"0x60zz\"");
  EXPECT_FALSE(parse_diagnosis(text));
}

}  // namespace
}  // namespace nines::crash
