#include "app/crash/minimal_core.h"

#include <elf.h>

#include <algorithm>
#include <vector>

#include "elf/byte_reader.h"

namespace nines::crash {
namespace {

constexpr std::uint64_t kAlignment = 4096;
constexpr std::size_t kMaxPieces = PN_XNUM - 2;

struct Piece {
  Elf64_Phdr header{};
  std::string bytes;
};

std::string_view bytes_of(const auto& structure) {
  return {reinterpret_cast<const char*>(&structure), sizeof structure};
}

Piece piece(const elf::CoreSegment& segment, std::uint64_t start, std::uint64_t end) {
  Piece made;
  made.header.p_type = PT_LOAD;
  made.header.p_flags = (segment.readable ? PF_R : 0U) | (segment.writable ? PF_W : 0U) |
                        (segment.executable ? PF_X : 0U);
  made.header.p_vaddr = start;
  made.header.p_memsz = end - start;
  made.header.p_align = kAlignment;
  return made;
}

/// The segments, cut where a page that is kept begins or ends.
Result<std::vector<Piece>> cut(const elf::CoreHead& head, const PageRanges& pages,
                               const ReadMemory& read) {
  std::vector<Piece> pieces;
  for (const elf::CoreSegment& segment : head.segments) {
    const std::uint64_t segment_end = segment.address + segment.memory_size;
    std::uint64_t done = segment.address;
    auto range = pages.ranges().upper_bound(segment.address);
    if (range != pages.ranges().begin()) --range;
    for (; range != pages.ranges().end() && range->first < segment_end; ++range) {
      const std::uint64_t start = std::max(range->first, done);
      const std::uint64_t end = std::min(range->second, segment_end);
      if (start >= end) continue;
      std::string bytes = read(start, end - start);
      if (bytes.empty()) continue;
      if (start > done) pieces.push_back(piece(segment, done, start));
      pieces.push_back(piece(segment, start, start + bytes.size()));
      pieces.back().header.p_filesz = bytes.size();
      done = start + bytes.size();
      pieces.back().bytes = std::move(bytes);
    }
    if (done < segment_end) pieces.push_back(piece(segment, done, segment_end));
    if (pieces.size() > kMaxPieces) {
      return Error(ErrorCode::kLimit, "write core").with_detail("too many pieces of memory");
    }
  }
  return pieces;
}

}  // namespace

Result<std::uint64_t> write_minimal_core(std::string_view head_bytes, const elf::CoreHead& head,
                                         const PageRanges& pages, const ReadMemory& read,
                                         const WriteBytes& write) {
  const auto file = elf::read_at<Elf64_Ehdr>(head_bytes, 0);
  const auto notes = file ? elf::read_at<Elf64_Phdr>(head_bytes, file->e_phoff) : std::nullopt;
  const auto content =
      notes ? elf::slice(head_bytes, notes->p_offset, notes->p_filesz) : std::nullopt;
  if (!content) return Error(ErrorCode::kInternal, "write core").with_detail("no notes");
  NINES_ASSIGN(std::vector<Piece> pieces, cut(head, pages, read));

  Elf64_Ehdr header = *file;
  header.e_phoff = sizeof header;
  header.e_phnum = static_cast<Elf64_Half>(pieces.size() + 1);
  header.e_shoff = 0;
  header.e_shnum = 0;
  header.e_shstrndx = SHN_UNDEF;
  Elf64_Phdr note = *notes;
  note.p_offset = sizeof header + (pieces.size() + 1) * sizeof note;
  std::string start(bytes_of(header));
  start += bytes_of(note);
  std::uint64_t at = note.p_offset + content->size();
  const std::uint64_t first = (at + kAlignment - 1) / kAlignment * kAlignment;
  const std::uint64_t padding = first - at;
  at = first;
  std::uint64_t kept = 0;
  for (Piece& one : pieces) {
    one.header.p_offset = at;
    start += bytes_of(one.header);
    at += one.bytes.size();
    kept += one.bytes.size();
  }
  NINES_TRY(write(start));
  NINES_TRY(write(*content));
  NINES_TRY(write(std::string(padding, '\0')));
  for (const Piece& one : pieces) {
    if (!one.bytes.empty()) NINES_TRY(write(one.bytes));
  }
  return kept;
}

}  // namespace nines::crash
