#include "elf/core_notes.h"

#include <fmt/format.h>

#include <elf.h>

#include <algorithm>
#include <csignal>
#include <string_view>

#include "elf/byte_reader.h"

namespace nines::elf {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kOwner = "CORE\0"sv;  // the NUL is counted

// Offsets in struct elf_prstatus and elf_prpsinfo of 64-bit machines.
// @source include/linux/elfcore.h, include/uapi/linux/elfcore.h
constexpr std::uint64_t kPrstatusPid = 32;
constexpr std::uint64_t kPrstatusRegisters = 112;
constexpr std::uint64_t kPrpsinfoUid = 16;
constexpr std::uint64_t kPrpsinfoGid = 20;
constexpr std::uint64_t kPrpsinfoPid = 24;
constexpr std::uint64_t kPrpsinfoName = 40, kNameBytes = 16;
constexpr std::uint64_t kPrpsinfoArguments = 56, kArgumentBytes = 80;

/// Where in user_regs_struct each DWARF register of x86-64 is: rax, rdx, rcx, rbx, rsi, rdi, rbp,
/// rsp, r8..r15, rip. @source arch/x86/include/uapi/asm/ptrace.h
constexpr std::uint8_t kX86Order[] = {10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16};
constexpr std::size_t kX86Sp = 7, kX86Pc = 16;
constexpr std::size_t kArmRegisters = 33;  // x0..x30, sp, pc
constexpr std::size_t kArmSp = 31, kArmPc = 32;

Error corrupt(std::string what) {
  return Error(ErrorCode::kCorrupt, "read notes of core").with_detail(std::move(what));
}

std::string text_of(std::string_view bytes, std::uint64_t offset, std::uint64_t most) {
  const auto field = slice(bytes, offset, most);
  if (!field) return {};
  std::string text(field->substr(0, field->find('\0')));
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

Result<CoreThread> thread_of(std::string_view note, Machine machine) {
  CoreThread thread;
  const auto tid = read_at<std::int32_t>(note, kPrstatusPid);
  if (!tid) return corrupt("NT_PRSTATUS is too short");
  thread.tid = *tid;
  const bool x86 = machine == Machine::kX86_64;
  const std::size_t count = x86 ? std::size(kX86Order) : kArmRegisters;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t place = x86 ? kX86Order[i] : i;
    const auto value = read_at<std::uint64_t>(note, kPrstatusRegisters + place * 8);
    if (!value) return corrupt("NT_PRSTATUS is too short");
    thread.dwarf_registers.push_back(*value);
  }
  thread.pc = thread.dwarf_registers[x86 ? kX86Pc : kArmPc];
  thread.sp = thread.dwarf_registers[x86 ? kX86Sp : kArmSp];
  // The program counter of AArch64 has no DWARF number.
  if (!x86) thread.dwarf_registers.pop_back();
  return thread;
}

bool is_fault(std::int32_t signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
         signal == SIGTRAP;
}

/// @source include/uapi/asm-generic/siginfo.h
Status read_signal(std::string_view note, CoreSignal* signal) {
  const auto number = read_at<std::int32_t>(note, 0);
  const auto code = read_at<std::int32_t>(note, 8);
  if (!number || !code) return corrupt("NT_SIGINFO is too short");
  signal->number = *number;
  signal->code = *code;
  if (*code > 0 && is_fault(*number)) {
    signal->address = read_at<std::uint64_t>(note, 16);
  } else if (*code > 0 && *number == SIGSYS) {
    signal->address = read_at<std::uint64_t>(note, 16);
    signal->system_call = read_at<std::int32_t>(note, 24);
  } else if (*code <= 0) {
    signal->sender_pid = read_at<std::int32_t>(note, 16);
    signal->sender_uid = read_at<std::uint32_t>(note, 20);
  }
  return {};
}

/// Count, page size, three numbers for each file, then the names.
Status read_files(std::string_view note, std::vector<MappedFile>* files) {
  const auto count = read_at<std::uint64_t>(note, 0);
  const auto page = read_at<std::uint64_t>(note, 8);
  constexpr std::uint64_t kHead = 16, kEntry = 24;
  if (!count || !page || *count > note.size() / kEntry || *page == 0) return corrupt("NT_FILE");
  std::uint64_t name_at = kHead + *count * kEntry;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto start = read_at<std::uint64_t>(note, kHead + i * kEntry);
    const auto end = read_at<std::uint64_t>(note, kHead + i * kEntry + 8);
    const auto offset = read_at<std::uint64_t>(note, kHead + i * kEntry + 16);
    const auto name = text_at(note, name_at);
    if (!start || !end || !offset || !name || *start >= *end || *offset > UINT64_MAX / *page) {
      return corrupt("NT_FILE: " + fmt::format("entry {}", i));
    }
    name_at += name->size() + 1;
    files->push_back({*start, *end, *offset * *page, std::string(*name)});
  }
  std::sort(files->begin(), files->end(),
            [](const auto& a, const auto& b) { return a.start < b.start; });
  return {};
}

void read_auxv(std::string_view note, CoreHead* core) {
  for (std::uint64_t at = 0;; at += 16) {
    const auto key = read_at<std::uint64_t>(note, at);
    const auto value = read_at<std::uint64_t>(note, at + 8);
    if (!key || !value || *key == AT_NULL) return;
    core->auxv.emplace_back(*key, *value);
  }
}

Status read_note(std::uint32_t type, std::string_view note, CoreHead* core) {
  switch (type) {
    case NT_PRSTATUS: {
      NINES_ASSIGN(CoreThread thread, thread_of(note, core->machine));
      core->threads.push_back(std::move(thread));
      return {};
    }
    case NT_PRPSINFO:
      core->uid = read_at<std::uint32_t>(note, kPrpsinfoUid).value_or(0);
      core->gid = read_at<std::uint32_t>(note, kPrpsinfoGid).value_or(0);
      core->pid = read_at<std::int32_t>(note, kPrpsinfoPid).value_or(0);
      core->name = text_of(note, kPrpsinfoName, kNameBytes);
      core->arguments = text_of(note, kPrpsinfoArguments, kArgumentBytes);
      return {};
    case NT_SIGINFO: return read_signal(note, &core->signal);
    case NT_FILE: return read_files(note, &core->files);
    case NT_AUXV: read_auxv(note, core); return {};
    default: return {};
  }
}

std::uint64_t padded(std::uint64_t size) {
  return (size + 3) & ~std::uint64_t{3};
}

}  // namespace

Status parse_core_notes(std::string_view notes, CoreHead* core) {
  std::uint64_t at = 0;
  while (notes.size() - at >= sizeof(Elf64_Nhdr)) {
    const auto header = *read_at<Elf64_Nhdr>(notes, at);
    at += sizeof header;
    const auto owner = slice(notes, at, header.n_namesz);
    if (!owner) return corrupt("a note is cut off");
    at += padded(header.n_namesz);
    const auto content = slice(notes, at, header.n_descsz);
    if (!content) return corrupt("a note is cut off");
    if (*owner == kOwner) NINES_TRY(read_note(header.n_type, *content, core));
    at = std::min<std::uint64_t>(at + padded(header.n_descsz), notes.size());
  }
  if (core->threads.empty()) return corrupt("no note tells of a thread");
  return {};
}

}  // namespace nines::elf
