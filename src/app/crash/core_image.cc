#include "app/crash/core_image.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "elf/byte_reader.h"
#include "sys/file.h"

namespace nines::crash {
namespace {

constexpr std::uint64_t kPage = 4096;
// proc_pid_pagemap(5): the page is in memory, or in swap.
constexpr std::uint64_t kPresentOrSwapped = (std::uint64_t{1} << 63) | (std::uint64_t{1} << 62);

Error gone() {
  return Error(ErrorCode::kGone, "read the core")
      .with_detail("the process was killed while it was read");
}

/// Whether the memory of a segment is the process's alone, from its first byte to its last.
bool is_anonymous(const elf::CoreHead& head, const elf::CoreSegment& segment) {
  const std::uint64_t end = segment.address + segment.memory_size;
  return std::none_of(head.files.begin(), head.files.end(), [&](const elf::MappedFile& file) {
    return file.start < end && segment.address < file.end;
  });
}

/// With more than 65,534 segments the kernel writes their number behind everything else.
/// @source fs/binfmt_elf.c, fill_extnum_info()
std::string count_of_segments(const elf::CoreHead& head, const Elf64_Ehdr& file) {
  if (file.e_phnum != PN_XNUM) return {};
  Elf64_Shdr section{};
  section.sh_size = file.e_shnum;
  section.sh_link = file.e_shstrndx;
  section.sh_info = static_cast<Elf64_Word>(head.segments.size() + 1);  // and the notes
  return {reinterpret_cast<const char*>(&section), sizeof section};
}

}  // namespace

CoreImage::CoreImage(CoreImage&& other) noexcept
    : start_(other.start_),
      process_(other.process_),
      memory_(std::move(other.memory_)),
      page_map_(std::move(other.page_map_)),
      parts_(std::move(other.parts_)),
      end_(std::move(other.end_)),
      size_(other.size_) {}

Result<CoreImage> CoreImage::open(const CoreStart& start, const sys::Pidfd& process, pid_t pid) {
  CoreImage image(start, process);
  NINES_ASSIGN(image.memory_, sys::open_file(fmt::format("/proc/{}/mem", pid), O_RDONLY));
  NINES_ASSIGN(image.page_map_, sys::open_file(fmt::format("/proc/{}/pagemap", pid), O_RDONLY));
  // Still there after the opening: it was its memory.
  if (process.has_exited()) return gone();
  NINES_TRY(image.lay_out());
  return image;
}

Status CoreImage::lay_out() {
  const elf::CoreHead& head = start_->head;
  size_ = start_->bytes.size();
  for (const elf::CoreSegment& segment : head.segments) {
    if (segment.file_size == 0) continue;
    parts_.push_back(
        {segment.offset, segment.file_size, segment.address, is_anonymous(head, segment)});
  }
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.offset < b.offset; });
  for (const Part& part : parts_) {
    if (part.offset < size_) {
      return Error(ErrorCode::kCorrupt, "lay out the core").with_detail("its segments overlap");
    }
    size_ = part.offset + part.size;
  }
  if (const auto file = elf::read_at<Elf64_Ehdr>(start_->bytes, 0)) {
    end_ = count_of_segments(head, *file);
  }
  size_ += end_.size();
  return {};
}

Result<CoreImage::Content> CoreImage::read(std::uint64_t offset, std::span<char> into) const {
  const std::uint64_t until = offset + into.size();
  const std::string_view head = start_->bytes;
  Content content = Content::kZeros;
  // From here on only what is filled counts; `done` is where the last of it ended.
  std::uint64_t done = offset;
  const auto fill_gap = [&](std::uint64_t to) {
    if (to > done) std::memset(into.data() + (done - offset), 0, to - done);
    done = std::max(done, to);
  };
  const auto copy = [&](std::string_view bytes, std::uint64_t at) {
    const std::uint64_t from = std::max(offset, at), to = std::min(until, at + bytes.size());
    if (from >= to) return;
    fill_gap(from);
    std::memcpy(into.data() + (from - offset), bytes.data() + (from - at), to - from);
    done = to;
    content = Content::kBytes;
  };
  copy(head, 0);
  auto part = std::upper_bound(parts_.begin(), parts_.end(), offset,
                               [](std::uint64_t at, const Part& p) { return at < p.offset; });
  if (part != parts_.begin()) --part;
  for (; part != parts_.end() && part->offset < until; ++part) {
    const std::uint64_t from = std::max(offset, part->offset);
    const std::uint64_t to = std::min(until, part->offset + part->size);
    if (from >= to) continue;
    NINES_ASSIGN(const Content got,
                 read_part(*part, from - part->offset, into.subspan(from - offset, to - from)));
    if (got == Content::kZeros) continue;  // a gap, as the one before it
    fill_gap(from);
    done = to;
    content = Content::kBytes;
  }
  copy(end_, size_ - end_.size());
  if (content == Content::kBytes) fill_gap(until);
  return content;
}

Result<CoreImage::Content> CoreImage::read_part(const Part& part, std::uint64_t at,
                                                std::span<char> into) const {
  const std::uint64_t address = part.address + at;
  if (!part.untouched_is_zeros) {
    NINES_TRY(read_memory(address, into));
    return Content::kBytes;
  }
  const std::uint64_t first = address / kPage;
  const std::uint64_t end = (address + into.size() + kPage - 1) / kPage;
  const std::vector<bool> there = touched(first, end - first);
  if (std::find(there.begin(), there.end(), true) == there.end()) return Content::kZeros;
  for (std::size_t i = 0; i < there.size();) {
    std::size_t next = i + 1;
    while (next < there.size() && there[next] == there[i]) ++next;
    const std::uint64_t from = std::max(address, (first + i) * kPage) - address;
    const std::uint64_t to = std::min<std::uint64_t>((first + next) * kPage - address, into.size());
    const auto pages = into.subspan(from, to - from);
    if (there[i]) {
      NINES_TRY(read_memory(address + from, pages));
    } else {
      std::memset(pages.data(), 0, pages.size());
    }
    i = next;
  }
  return Content::kBytes;
}

std::vector<bool> CoreImage::touched(std::uint64_t first_page, std::size_t pages) const {
  std::vector<std::uint64_t> entries(pages);
  std::size_t got = 0;
  const std::size_t size = pages * sizeof entries[0];
  while (got < size) {
    const ssize_t n = ::pread(page_map_.get(), reinterpret_cast<char*>(entries.data()) + got,
                              size - got, static_cast<off_t>(first_page * sizeof entries[0] + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  // What cannot be told may be there.
  std::vector<bool> result(pages, true);
  for (std::size_t i = 0; i < got / sizeof entries[0]; ++i) {
    result[i] = (entries[i] & kPresentOrSwapped) != 0;
  }
  return result;
}

Status CoreImage::read_memory(std::uint64_t address, std::span<char> into) const {
  memory_read_.fetch_add(into.size(), std::memory_order_relaxed);
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t n = ::pread(memory_.get(), into.data() + done, into.size() - done,
                              static_cast<off_t>(address + done));
    if (n > 0) {
      done += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || process_->has_exited()) return gone();
    // A page beyond the end of its file, say: on to the next one.
    const std::size_t skip =
        std::min<std::size_t>(kPage - (address + done) % kPage, into.size() - done);
    std::memset(into.data() + done, 0, skip);
    done += skip;
  }
  return {};
}

}  // namespace nines::crash
