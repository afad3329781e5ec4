#include "app/livepatch/remote_image.h"

#include <fmt/format.h>

#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>

#include "sys/procfs.h"
#include "trace/live_memory.h"
#include "trace/remote_thread.h"

namespace nines::livepatch {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kReach = 1ULL << 31;
constexpr std::uint64_t kSlack = 16 << 20;
constexpr std::uint64_t kLowest = 1 << 20;  // vm.mmap_min_addr is less
constexpr std::uint64_t kHighest = 1ULL << 47;

std::uint64_t number(trace::RemoteAddress address) {
  return static_cast<std::uint64_t>(address);
}

Result<trace::RemoteThread> borrow_one(const trace::Attachment& attachment, pid_t process) {
  NINES_ASSIGN(const auto instruction, trace::find_syscall_instruction(process));
  NINES_ASSIGN(const pid_t thread, attachment.quiet_thread());
  return trace::RemoteThread::borrow(thread, instruction);
}

class Mapper {
 public:
  Mapper(trace::RemoteThread& thread, pid_t process) : thread_(thread), process_(process) {}

  Status map(const std::string& name, std::uint64_t at, const ImageShape& shape) {
    NINES_ASSIGN(scratch_, thread_.checked_call("mmap", SYS_mmap,
                                                {0, kPage, PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0}));
    Status done = map_file(name, at, shape);
    if (fd_ >= 0) {
      (void)thread_.system_call(SYS_close, {static_cast<std::uint64_t>(fd_)}).has_value();
    }
    if (!done && mapped_) (void)thread_.system_call(SYS_munmap, {at, shape.end}).has_value();
    NINES_TRY(thread_.checked_call("munmap", SYS_munmap, {scratch_, kPage}));
    return done;
  }

 private:
  Status map_file(const std::string& name, std::uint64_t at, const ImageShape& shape) {
    NINES_ASSIGN(const ProcessId id, sys::Procfs().identify(process_));
    NINES_ASSIGN(const trace::LiveMemory memory, trace::LiveMemory::open(id));
    NINES_TRY(memory.write(scratch_, name + '\0'));
    NINES_ASSIGN(const std::uint64_t fd,
                 thread_.checked_call("memfd_create", SYS_memfd_create, {scratch_, MFD_CLOEXEC}));
    fd_ = static_cast<int>(fd);
    NINES_TRY(thread_.checked_call("ftruncate", SYS_ftruncate, {fd, shape.end}));
    NINES_ASSIGN(
        const std::uint64_t place,
        thread_.checked_call("mmap", SYS_mmap,
                             {at, shape.end, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0}));
    mapped_ = place == at;
    if (!mapped_) {  // a kernel before 4.17 took it as a wish
      (void)thread_.system_call(SYS_munmap, {place, shape.end}).has_value();
      return Error(ErrorCode::kBusy, "map patch", fmt::format("{:#x}", at));
    }
    NINES_TRY(thread_.checked_call("mmap", SYS_mmap,
                                   {at + shape.code, shape.data - shape.code, PROT_READ | PROT_EXEC,
                                    MAP_PRIVATE | MAP_FIXED, fd, shape.code}));
    NINES_TRY(thread_.checked_call("mmap", SYS_mmap,
                                   {at + shape.data, shape.end - shape.data, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_FIXED, fd, shape.data}));
    return {};
  }

  trace::RemoteThread& thread_;
  pid_t process_;
  std::uint64_t scratch_ = 0;
  int fd_ = -1;
  bool mapped_ = false;
};

}  // namespace

Result<std::uint64_t> find_hole(const std::vector<trace::Mapping>& mappings, std::uint64_t start,
                                std::uint64_t end, std::uint64_t size) {
  const std::uint64_t lowest = std::max(kLowest, end > kReach ? end - kReach + kSlack : 0);
  const std::uint64_t highest = std::min(kHighest, start + kReach - kSlack);
  std::uint64_t below = 0, above = 0;
  const auto look = [&](std::uint64_t from, std::uint64_t to) {
    from = std::max(from, lowest);
    to = std::min(to, highest);
    if (from >= to || to - from < size) return;
    if (to <= start) below = std::max(below, to - size);
    if (from >= end) above = std::max(above, (to - size) & ~(kPage - 1));
  };
  std::uint64_t at = 0;
  for (const trace::Mapping& mapping : mappings) {
    if (number(mapping.start) > at) look(at, number(mapping.start));
    at = std::max(at, number(mapping.end));
  }
  look(at, kHighest);
  if (below != 0) return below & ~(kPage - 1);
  if (above != 0) return above;
  return Error(ErrorCode::kNoSpace, "find a place near the code")
      .with_detail(fmt::format("none of {} bytes within 2 GiB", size));
}

Status map_image(const trace::Attachment& attachment, pid_t process, const std::string& name,
                 std::uint64_t at, const ImageShape& shape) {
  NINES_ASSIGN(trace::RemoteThread thread, borrow_one(attachment, process));
  Status mapped = Mapper(thread, process).map(name, at, shape);
  Status given = thread.give_back();
  return mapped ? std::move(given) : std::move(mapped);
}

Status unmap_image(const trace::Attachment& attachment, pid_t process, std::uint64_t start,
                   std::uint64_t size) {
  NINES_ASSIGN(trace::RemoteThread thread, borrow_one(attachment, process));
  NINES_TRY(thread.checked_call("munmap", SYS_munmap, {start, size}));
  return thread.give_back();
}

}  // namespace nines::livepatch
