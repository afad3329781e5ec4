#include "elf/core_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <elf.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace nines::elf {
namespace {

using testing::HasSubstr;

/// What Linux 6.18 wrote of a program of four threads that stored to address 0x10. The numbers
/// below are gdb's.
std::string real_head() {
  const char* source = std::getenv("NINES_SOURCE_DIR");
  std::ifstream file(
      std::string(source == nullptr ? "." : source) + "/tests/corpus/core_head_fuzzer/four-threads",
      std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A core as the kernel lays it out, of notes that the test makes up.
class CoreBuilder {
 public:
  explicit CoreBuilder(std::uint16_t machine = EM_X86_64) { header_.e_machine = machine; }
  CoreBuilder& note(std::uint32_t type, const std::string& content, std::string owner = "CORE") {
    owner += '\0';
    const Elf64_Nhdr head{static_cast<std::uint32_t>(owner.size()),
                          static_cast<std::uint32_t>(content.size()), type};
    append(&head, sizeof head);
    notes_ += owner;
    pad();
    notes_ += content;
    pad();
    return *this;
  }
  CoreBuilder& segment(std::uint64_t address, std::uint64_t size) {
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_vaddr = address;
    load.p_memsz = size;
    load.p_flags = PF_R;
    loads_.push_back(load);
    return *this;
  }
  std::string bytes(std::uint16_t count = 0) {
    header_.e_phnum = count != 0 ? count : static_cast<std::uint16_t>(loads_.size() + 1);
    Elf64_Phdr notes{};
    notes.p_type = PT_NOTE;
    notes.p_offset = sizeof header_ + (loads_.size() + 1) * sizeof(Elf64_Phdr);
    notes.p_filesz = notes_.size();
    std::string all(reinterpret_cast<const char*>(&header_), sizeof header_);
    all.append(reinterpret_cast<const char*>(&notes), sizeof notes);
    for (const Elf64_Phdr& load : loads_) {
      all.append(reinterpret_cast<const char*>(&load), sizeof load);
    }
    return all + notes_;
  }

  Elf64_Ehdr header_ = [] {
    Elf64_Ehdr header{};
    const unsigned char ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    std::copy(std::begin(ident), std::end(ident), header.e_ident);
    header.e_type = ET_CORE;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    return header;
  }();

 private:
  void append(const void* data, std::size_t size) {
    notes_.append(static_cast<const char*>(data), size);
  }
  void pad() { notes_.resize((notes_.size() + 3) / 4 * 4); }

  std::string notes_;
  std::vector<Elf64_Phdr> loads_;
};

std::string numbers(std::initializer_list<std::uint64_t> values) {
  std::string bytes;
  for (const std::uint64_t value : values) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

std::string prstatus(std::int32_t tid, std::size_t registers) {
  std::string note(112 + registers * 8 + 8, '\0');
  std::memcpy(note.data() + 32, &tid, sizeof tid);
  for (std::uint64_t i = 0; i < registers; ++i) {
    const std::uint64_t value = 1000 + i;
    std::memcpy(note.data() + 112 + i * 8, &value, sizeof value);
  }
  return note;
}

std::string siginfo(std::int32_t number, std::int32_t code, std::uint64_t at16) {
  std::string note(128, '\0');
  std::memcpy(note.data(), &number, sizeof number);
  std::memcpy(note.data() + 8, &code, sizeof code);
  std::memcpy(note.data() + 16, &at16, sizeof at16);
  return note;
}

TEST(CoreHead, OfARealCore) {
  const std::string bytes = real_head();
  ASSERT_EQ(bytes.size(), 10404U);
  const auto size = core_head_size(std::string_view(bytes).substr(0, kCoreStart));
  ASSERT_TRUE(size) << size.error().message();
  EXPECT_EQ(*size, bytes.size());
  const auto core = parse_core_head(bytes);
  ASSERT_TRUE(core) << core.error().message();
  EXPECT_EQ(core->machine, Machine::kX86_64);
  EXPECT_EQ(core->pid, 15267);
  EXPECT_EQ(core->name, "crashes_here");
  EXPECT_EQ(core->arguments, "./crashes_here");
  ASSERT_EQ(core->threads.size(), 4U);
  EXPECT_EQ(core->threads[0].tid, 15267);
  EXPECT_EQ(core->threads[0].pc, 0x55c9ae38e164U);
  EXPECT_EQ(core->threads[0].sp, 0x7ffff41bd998U);
  EXPECT_EQ(core->threads[0].dwarf_registers.at(6), 0x55c9ae38e159U);  // rbp
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(core->threads[i].pc, 0x7f5046a46df2U);
  EXPECT_EQ(core->signal.number, SIGSEGV);
  EXPECT_EQ(core->signal.address, 0x10U);
  EXPECT_FALSE(core->signal.sender_pid);
  EXPECT_EQ(core->aux(AT_PAGESZ), 4096U);
  const MappedFile* program = core->file_at(core->threads[0].pc);
  ASSERT_NE(program, nullptr);
  EXPECT_THAT(program->path, HasSubstr("/crashes_here"));
  EXPECT_EQ(program->offset, 0x1000U);
  EXPECT_THAT(core->file_at(0x7f5046a46df2)->path, HasSubstr("libc.so.6"));
  EXPECT_EQ(core->file_at(0x10), nullptr);
  const CoreSegment* stack = core->segment_at(core->threads[0].sp);
  ASSERT_NE(stack, nullptr);
  EXPECT_TRUE(stack->writable && !stack->executable && stack->file_size > 0);
  EXPECT_EQ(core->segment_at(0), nullptr);
}

/// Every byte of it is missing once, and every byte is another one once.
TEST(CoreHead, NoDamageIsFatal) {
  const std::string bytes = real_head();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parse_core_head(std::string_view(bytes).substr(0, size))) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(~damaged[at]);
    const auto core = parse_core_head(damaged);
    EXPECT_TRUE(!core || !core->threads.empty()) << at;
  }
}

TEST(CoreHead, OfAnArmCore) {
  const std::string bytes = CoreBuilder(EM_AARCH64).note(NT_PRSTATUS, prstatus(7, 34)).bytes();
  const auto core = parse_core_head(bytes);
  ASSERT_TRUE(core) << core.error().message();
  EXPECT_EQ(core->machine, Machine::kAArch64);
  EXPECT_EQ(core->threads[0].tid, 7);
  EXPECT_EQ(core->threads[0].sp, 1031U);
  EXPECT_EQ(core->threads[0].pc, 1032U);
  EXPECT_EQ(core->threads[0].dwarf_registers.size(), 32U);
}

TEST(CoreHead, WhoSentTheSignal) {
  const std::uint64_t pid_and_uid = 4711 | std::uint64_t{1000} << 32;
  const auto sent = parse_core_head(CoreBuilder()
                                        .note(NT_PRSTATUS, prstatus(1, 27))
                                        .note(NT_SIGINFO, siginfo(SIGSEGV, SI_USER, pid_and_uid))
                                        .bytes());
  ASSERT_TRUE(sent);
  EXPECT_FALSE(sent->signal.address);
  EXPECT_EQ(sent->signal.sender_pid, 4711);
  EXPECT_EQ(sent->signal.sender_uid, 1000U);
  std::string forbidden = siginfo(SIGSYS, 1, 0xabc);
  forbidden[24] = 59;
  const auto seccomp = parse_core_head(
      CoreBuilder().note(NT_PRSTATUS, prstatus(1, 27)).note(NT_SIGINFO, forbidden).bytes());
  ASSERT_TRUE(seccomp);
  EXPECT_EQ(seccomp->signal.system_call, 59);
  EXPECT_EQ(seccomp->signal.address, 0xabcU);
}

TEST(CoreHead, MoreSegmentsThanTheFileHeaderCanCount) {
  CoreBuilder builder;
  builder.note(NT_PRSTATUS, prstatus(1, 27));
  for (std::uint64_t i = 0; i < 70'000; ++i) builder.segment(i << 12, 4096);
  const auto core = parse_core_head(builder.bytes(PN_XNUM));
  ASSERT_TRUE(core) << core.error().message();
  EXPECT_EQ(core->segments.size(), 70'000U);
  EXPECT_EQ(core->segment_at(69'999 << 12)->address, std::uint64_t{69'999} << 12);
}

TEST(CoreHead, WhatIsNoCore) {
  struct Case {
    const char* what;
    std::string bytes;
    ErrorCode code;
  };
  const auto with = [](auto change) {
    CoreBuilder builder;
    builder.note(NT_PRSTATUS, prstatus(1, 27));
    change(builder.header_);
    return builder.bytes();
  };
  CoreBuilder huge;
  huge.note(NT_PRSTATUS, prstatus(1, 27));
  std::string endless = huge.bytes();
  const std::uint64_t size = std::uint64_t{1} << 40;
  std::memcpy(endless.data() + 64 + 32, &size, sizeof size);  // p_filesz of the notes
  const Case cases[] = {
      {"nothing", "", ErrorCode::kCorrupt},
      {"text", std::string(200, 'x'), ErrorCode::kCorrupt},
      {"32 bits", with([](auto& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }), ErrorCode::kUnsupported},
      {"big", with([](auto& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }), ErrorCode::kUnsupported},
      {"a program", with([](auto& h) { h.e_type = ET_EXEC; }), ErrorCode::kCorrupt},
      {"riscv", with([](auto& h) { h.e_machine = EM_RISCV; }), ErrorCode::kUnsupported},
      {"headers far away", with([](auto& h) { h.e_phoff = UINT64_MAX - 8; }), ErrorCode::kCorrupt},
      {"nobody", CoreBuilder().note(NT_AUXV, numbers({0, 0})).bytes(), ErrorCode::kCorrupt},
      {"others' notes", CoreBuilder().note(NT_PRSTATUS, prstatus(1, 27), "XEN").bytes(),
       ErrorCode::kCorrupt},
      {"endless", endless, ErrorCode::kLimit},
      {"files",
       CoreBuilder()
           .note(NT_PRSTATUS, prstatus(1, 27))
           .note(NT_FILE, numbers({UINT64_MAX, 4096}))
           .bytes(),
       ErrorCode::kCorrupt},
  };
  for (const Case& one : cases) {
    const auto core = parse_core_head(one.bytes);
    ASSERT_FALSE(core) << one.what;
    EXPECT_EQ(core.error().code(), one.code) << one.what << ": " << core.error().message();
  }
}

}  // namespace
}  // namespace nines::elf
