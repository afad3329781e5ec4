#include "app/crash/diagnosis_json.h"

#include <gtest/gtest.h>

namespace nines::crash {
namespace {

TEST(DiagnosisJson, IsReadAgain) {
  Diagnosis diagnosis;
  diagnosis.pid = 42;
  diagnosis.registers.emplace_back("rip", 0xffffffffff600000);
  diagnosis.stacks.push_back({{42, 43}, {}, 7, 3, true, ""});
  const auto read = parse_diagnosis(diagnosis_json(diagnosis));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->pid, 42);
  EXPECT_EQ(read->registers, diagnosis.registers);
  EXPECT_EQ(read->stacks.at(0).tids, diagnosis.stacks.at(0).tids);
}

TEST(DiagnosisJson, RefusesANumberThatIsNoInteger) {
  std::string text = diagnosis_json({});
  const std::string pid = "\"pid\":0";
  ASSERT_NE(text.find(pid), text.npos);
  text.replace(text.find(pid), pid.size(), "\"pid\":8.9e99");
  const auto read = parse_diagnosis(text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace nines::crash
