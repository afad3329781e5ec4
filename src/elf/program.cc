#include "elf/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "elf/byte_reader.h"

namespace nines::elf {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t kMaxSegments = 256;
constexpr std::size_t kMaxBuildId = 64;
constexpr std::uint64_t kMaxNotes = 64 << 10;
constexpr std::uint64_t kMaxImage = std::uint64_t{64} << 20;

Error corrupt(std::string what) {
  return Error(ErrorCode::kCorrupt, "read ELF file").with_detail(std::move(what));
}

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

}  // namespace

std::uint64_t Program::first_address() const {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_LOAD) return segment.p_vaddr - segment.p_offset;
  }
  return 0;
}

std::uint64_t Program::end_address() const {
  std::uint64_t end = 0;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || segment.p_memsz > UINT64_MAX - segment.p_vaddr) continue;
    end = std::max(end, segment.p_vaddr + segment.p_memsz);
  }
  return end;
}

Result<Program> parse_program(std::string_view start) {
  Program program;
  const auto header = read_at<Elf64_Ehdr>(start, 0);
  if (!header || start.substr(0, SELFMAG) != ELFMAG) return corrupt("no ELF file");
  const auto order = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != order) {
    return Error(ErrorCode::kUnsupported, "read ELF file").with_detail("class or byte order");
  }
  if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > kMaxSegments) {
    return corrupt("program headers");
  }
  program.header = *header;
  for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
    const std::uint64_t offset = i * sizeof(Elf64_Phdr);
    const auto segment = header->e_phoff > UINT64_MAX - offset
                             ? std::nullopt
                             : read_at<Elf64_Phdr>(start, header->e_phoff + offset);
    if (!segment) return corrupt("program headers are cut off");
    program.segments.push_back(*segment);
  }
  return program;
}

std::string build_id_in_notes(std::string_view notes, std::uint64_t alignment) {
  const std::uint64_t align = alignment == 8 ? 8 : 4;
  std::uint64_t at = 0;
  const auto padded = [&](std::uint64_t size) { return (size + align - 1) / align * align; };
  while (const auto header = read_at<Elf64_Nhdr>(notes, at)) {
    at += sizeof *header;
    const auto owner = slice(notes, at, header->n_namesz);
    const auto content = slice(notes, at + padded(header->n_namesz), header->n_descsz);
    if (!owner || !content) return {};
    if (header->n_type == NT_GNU_BUILD_ID && *owner == "GNU\0"sv && !content->empty() &&
        content->size() <= kMaxBuildId) {
      return hexadecimal(*content);
    }
    at += padded(header->n_namesz) + padded(header->n_descsz);
  }
  return {};
}

std::string build_id_of_file(const Program& program, std::string_view file) {
  for (const Elf64_Phdr& segment : program.segments) {
    if (segment.p_type != PT_NOTE) continue;
    const auto notes = slice(file, segment.p_offset, segment.p_filesz);
    if (!notes) continue;
    std::string found = build_id_in_notes(*notes, segment.p_align);
    if (!found.empty()) return found;
  }
  return {};
}

std::string build_id_in_memory(const Program& program, const Memory& memory, std::uint64_t base) {
  const std::uint64_t bias = base - program.first_address();
  for (const Elf64_Phdr& segment : program.segments) {
    if (segment.p_type != PT_NOTE || segment.p_filesz > kMaxNotes) continue;
    std::string notes(segment.p_filesz, '\0');
    if (!memory.read(bias + segment.p_vaddr, notes.data(), notes.size())) continue;
    std::string found = build_id_in_notes(notes, segment.p_align);
    if (!found.empty()) return found;
  }
  return {};
}

std::string file_from_memory(const Program& program, const Memory& memory, std::uint64_t base) {
  const std::uint64_t bias = base - program.first_address();
  std::string file;
  for (const Elf64_Phdr& segment : program.segments) {
    if (segment.p_type != PT_LOAD) continue;
    if (segment.p_offset > kMaxImage || segment.p_filesz > kMaxImage) return {};
    if (segment.p_filesz == 0) continue;
    // No room is made for what is not there.
    if (!memory.get<char>(bias + segment.p_vaddr + segment.p_filesz - 1)) return {};
    file.resize(std::max<std::size_t>(file.size(), segment.p_offset + segment.p_filesz));
    if (!memory.read(bias + segment.p_vaddr, file.data() + segment.p_offset, segment.p_filesz)) {
      return {};
    }
  }
  return file;
}

}  // namespace nines::elf
