#include "app/supervise/process_table.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>

#include "sys/file.h"

namespace nines::supervise {
namespace {
constexpr std::size_t kTableBytes = sizeof(ProcessTable::Slot) * ProcessTable::kSlots;
}

ProcessTable::ProcessTable(ProcessTable&& other) noexcept
    : slots_(std::exchange(other.slots_, nullptr)),
      used_(std::move(other.used_)),
      next_(other.next_) {}

ProcessTable& ProcessTable::operator=(ProcessTable&& other) noexcept {
  std::swap(slots_, other.slots_);
  std::swap(used_, other.used_);
  next_ = other.next_;
  return *this;
}

ProcessTable::~ProcessTable() {
  if (slots_ != nullptr) ::munmap(slots_, kTableBytes);
}

Result<ProcessTable> ProcessTable::open(const std::string& path) {
  NINES_ASSIGN(const UniqueFd fd, sys::open_file(path, O_RDWR | O_CREAT, 0600));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, "stat", path);
  if (info.st_size != 0 && static_cast<std::size_t>(info.st_size) != kTableBytes) {
    return Error(ErrorCode::kCorrupt, "open process table", path)
        .with_detail(fmt::format("has {} bytes instead of {}", info.st_size, kTableBytes))
        .with_hint("it was written by another version; stop its units, then remove the file");
  }
  const int allocated = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(kTableBytes));
  if (allocated != 0) return Error::from_errno(allocated, "allocate", path);
  void* memory = ::mmap(nullptr, kTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return Error::from_errno(errno, "map", path);
  ProcessTable table;
  table.slots_ = static_cast<Slot*>(memory);
  table.used_.resize(kSlots, false);
  return table;
}

Result<unsigned> ProcessTable::allocate() {
  for (unsigned tried = 0; tried < kSlots; ++tried) {
    const unsigned slot = next_;
    next_ = (next_ + 1) % kSlots;
    if (used_[slot]) continue;
    used_[slot] = true;
    slots_[slot] = Slot{};
    return slot;
  }
  return Error(ErrorCode::kLimit, "allocate process slot")
      .with_detail(fmt::format("{} processes are supervised already", kSlots));
}

void ProcessTable::claim(unsigned slot) {
  if (slot < kSlots) used_[slot] = true;
}

void ProcessTable::release(unsigned slot) {
  if (slot >= kSlots) return;
  slots_[slot] = Slot{};
  used_[slot] = false;
}

}  // namespace nines::supervise
