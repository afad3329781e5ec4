#include "elf/instruction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nines::elf {
namespace {

using std::string_view_literals::operator""sv;
using testing::HasSubstr;

RegisterSet registers() {
  RegisterSet set;
  for (std::size_t i = 0; i <= 16; ++i) set.set(i, 0x1000 * (i + 1));
  return set;
}

Instruction decoded(std::string_view code) {
  auto instruction = decode_instruction(Machine::kX86_64, code, 0x400000, registers());
  EXPECT_TRUE(instruction) << testing::PrintToString(code);
  return instruction ? std::move(*instruction) : Instruction{};
}

TEST(Instruction, SaysWhichRegisterAWriteGoesBy) {
  const auto instruction = decoded("\xc7\x42\x10\x07\x00\x00\x00"sv);  // mov dword [rdx+0x10], 7
  ASSERT_EQ(instruction.accesses.size(), 1U);
  const MemoryAccess& access = instruction.accesses[0];
  EXPECT_TRUE(access.writes);
  EXPECT_FALSE(access.reads);
  EXPECT_EQ(access.size, 4U);
  EXPECT_EQ(access.base, "rdx");
  EXPECT_EQ(access.base_value, 0x2000U);
  EXPECT_EQ(access.address, 0x2010U);
  EXPECT_THAT(instruction.text, HasSubstr("mov"));
}

TEST(Instruction, AddsTheIndex) {
  const auto instruction = decoded("\x8b\x04\x8b"sv);  // mov eax, [rbx+rcx*4]
  ASSERT_EQ(instruction.accesses.size(), 1U);
  EXPECT_TRUE(instruction.accesses[0].reads);
  EXPECT_EQ(instruction.accesses[0].address, 0x4000U + 4 * 0x3000U);
}

TEST(Instruction, CountsFromItsEnd) {
  const auto instruction = decoded("\x8b\x05\x00\x01\x00\x00"sv);  // mov eax, [rip+0x100]
  ASSERT_EQ(instruction.accesses.size(), 1U);
  EXPECT_EQ(instruction.accesses[0].address, 0x400106U);
}

TEST(Instruction, PushesBelowTheStackPointer) {
  const auto instruction = decoded("\x50"sv);  // push rax
  ASSERT_EQ(instruction.accesses.size(), 1U);
  EXPECT_TRUE(instruction.accesses[0].stack);
  EXPECT_EQ(instruction.accesses[0].address, 0x8000U - 8);
}

TEST(Instruction, KnowsNoAddressInAThreadsOwnMemory) {
  const auto instruction = decoded("\x64\x48\x8b\x04\x25\x28\x00\x00\x00"sv);  // mov rax, fs:0x28
  ASSERT_EQ(instruction.accesses.size(), 1U);
  EXPECT_FALSE(instruction.accesses[0].address);
}

TEST(Instruction, NamesTheDivisor) {
  const auto instruction = decoded("\xf7\xf9"sv);  // idiv ecx
  EXPECT_TRUE(instruction.divides);
  EXPECT_EQ(instruction.divisor, 0x3000U);
}

TEST(Instruction, AComputedAddressIsNoAccess) {
  EXPECT_TRUE(decoded("\x48\x8d\x42\x10"sv).accesses.empty());  // lea rax, [rdx+0x10]
}

TEST(Instruction, KnowsATrap) {
  EXPECT_TRUE(decoded("\x0f\x0b"sv).undefined);
}

TEST(Instruction, IsNotMadeOutOfNothing) {
  EXPECT_FALSE(decode_instruction(Machine::kX86_64, ""sv, 0, registers()));
  EXPECT_FALSE(decode_instruction(Machine::kX86_64, "\xc7\x42"sv, 0, registers()));
  EXPECT_FALSE(decode_instruction(Machine::kAArch64, "\x1f\x20\x03\xd5"sv, 0, registers()));
}

TEST(FollowsCall, KnowsEveryForm) {
  for (const auto& call : {"\x90\x90\xe8\x01\x02\x03\x04"sv, "\x90\x90\x90\x90\x90\xff\xd0"sv,
                           "\x90\x90\x90\x90\x41\xff\xd3"sv, "\x90\x90\x90\x90\x90\xff\x10"sv,
                           "\x90\x90\x90\x90\xff\x50\x08"sv, "\x90\xff\x90\x00\x01\x00\x00"sv,
                           "\x90\xff\x15\x00\x01\x00\x00"sv, "\x90\x90\x90\xff\x54\x24\x08"sv,
                           "\xff\x94\x24\x00\x01\x00\x00"sv}) {
    EXPECT_TRUE(follows_call(Machine::kX86_64, call)) << testing::PrintToString(call);
  }
}

TEST(FollowsCall, TakesNothingElseForOne) {
  for (const auto& other :
       {""sv, "\xff"sv, "\x90\x90\x90\x90\x90\x90\x90"sv, "\x90\x90\x90\x90\x90\xff\xe0"sv,
        "\x90\x90\x90\x90\xff\xd0\x90"sv, "\x47\xff\x99\xff\xff\xff\x14"sv}) {
    EXPECT_FALSE(follows_call(Machine::kX86_64, other)) << testing::PrintToString(other);
  }
}

}  // namespace
}  // namespace nines::elf
