#include "elf/core_head.h"

#include <fmt/format.h>

#include <elf.h>

#include <algorithm>
#include <array>

#include "elf/byte_reader.h"
#include "elf/core_notes.h"

namespace nines::elf {
namespace {

Error corrupt(std::string what) {
  return Error(ErrorCode::kCorrupt, "read core").with_detail(std::move(what));
}

Result<Elf64_Ehdr> file_header(std::string_view bytes) {
  const auto header = read_at<Elf64_Ehdr>(bytes, 0);
  if (!header || bytes.substr(0, SELFMAG) != ELFMAG) return corrupt("no ELF file");
  if (header->e_ident[EI_CLASS] != ELFCLASS64) {
    return Error(ErrorCode::kUnsupported, "read core").with_detail("not of 64 bits");
  }
  if (header->e_ident[EI_DATA] !=
      (std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB)) {
    return Error(ErrorCode::kUnsupported, "read core").with_detail("of another byte order");
  }
  if (header->e_type != ET_CORE) return corrupt("an ELF file, and no core");
  if (header->e_phentsize != sizeof(Elf64_Phdr)) return corrupt("e_phentsize");
  return *header;
}

/// The kernel writes file header, program headers, notes, in this order. With more than 65,534
/// segments their number is elsewhere, at the end of the core; here it follows from where the notes
/// are.
Result<Elf64_Phdr> notes_header(std::string_view bytes, const Elf64_Ehdr& header) {
  const auto first = read_at<Elf64_Phdr>(bytes, header.e_phoff);
  if (!first) return corrupt("program headers are not where the file header says");
  if (first->p_type != PT_NOTE) {
    return Error(ErrorCode::kUnsupported, "read core").with_detail("its notes do not come first");
  }
  if (first->p_offset < header.e_phoff + sizeof(Elf64_Phdr)) return corrupt("notes before headers");
  return *first;
}

CoreSegment segment_of(const Elf64_Phdr& header) {
  return {header.p_vaddr,
          header.p_memsz,
          header.p_offset,
          header.p_filesz,
          (header.p_flags & PF_R) != 0,
          (header.p_flags & PF_W) != 0,
          (header.p_flags & PF_X) != 0};
}

template <typename Range>
auto find_range(const Range& ranges, std::uint64_t address, auto start, auto end) {
  auto after =
      std::upper_bound(ranges.begin(), ranges.end(), address,
                       [&](std::uint64_t value, const auto& r) { return value < start(r); });
  if (after == ranges.begin()) return static_cast<decltype(&*after)>(nullptr);
  const auto& found = *--after;
  return address < end(found) ? &found : nullptr;
}

}  // namespace

Result<std::size_t> core_head_size(std::string_view start) {
  NINES_ASSIGN(const Elf64_Ehdr header, file_header(start));
  NINES_ASSIGN(const Elf64_Phdr notes, notes_header(start, header));
  if (notes.p_offset > kMaxCoreHead || notes.p_filesz > kMaxCoreHead - notes.p_offset) {
    return Error(ErrorCode::kLimit, "read core")
        .with_detail(fmt::format("its head is larger than {} MiB", kMaxCoreHead >> 20));
  }
  return notes.p_offset + notes.p_filesz;
}

Result<CoreHead> parse_core_head(std::string_view head) {
  NINES_ASSIGN(const std::size_t size, core_head_size(head));
  if (head.size() < size) return corrupt("it ends before its notes do");
  NINES_ASSIGN(const Elf64_Ehdr header, file_header(head));
  NINES_ASSIGN(const Elf64_Phdr notes, notes_header(head, header));
  CoreHead core;
  switch (header.e_machine) {
    case EM_X86_64: core.machine = Machine::kX86_64; break;
    case EM_AARCH64: core.machine = Machine::kAArch64; break;
    default:
      return Error(ErrorCode::kUnsupported, "read core")
          .with_detail(fmt::format("of ELF machine {}", header.e_machine));
  }
  const std::uint64_t room = (notes.p_offset - header.e_phoff) / sizeof(Elf64_Phdr);
  const std::uint64_t count = header.e_phnum == PN_XNUM ? room : header.e_phnum;
  if (count > room) return corrupt("more program headers than there is room for");
  for (std::uint64_t i = 1; i < count; ++i) {
    const auto one = read_at<Elf64_Phdr>(head, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!one) return corrupt("a program header is not there");
    if (one->p_type != PT_LOAD) continue;
    if (one->p_memsz > UINT64_MAX - one->p_vaddr || one->p_filesz > UINT64_MAX - one->p_offset) {
      return corrupt("a segment goes beyond the end of everything");
    }
    core.segments.push_back(segment_of(*one));
  }
  std::sort(core.segments.begin(), core.segments.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  NINES_TRY(parse_core_notes(head.substr(notes.p_offset, notes.p_filesz), &core));
  return core;
}

std::optional<std::uint64_t> CoreHead::aux(std::uint64_t type) const {
  for (const auto& [key, value] : auxv) {
    if (key == type) return value;
  }
  return std::nullopt;
}

const MappedFile* CoreHead::file_at(std::uint64_t address) const {
  return find_range(
      files, address, [](const MappedFile& f) { return f.start; },
      [](const MappedFile& f) { return f.end; });
}

const CoreSegment* CoreHead::segment_at(std::uint64_t address) const {
  return find_range(
      segments, address, [](const CoreSegment& s) { return s.address; },
      [](const CoreSegment& s) { return s.address + s.memory_size; });
}

}  // namespace nines::elf
