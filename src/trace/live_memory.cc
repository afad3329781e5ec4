#include "trace/live_memory.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::trace {

Result<LiveMemory> LiveMemory::open(const ProcessId& process) {
  NINES_ASSIGN(UniqueFd file, sys::open_file(fmt::format("/proc/{}/mem", process.pid), O_RDWR));
  // What is open stays that process's memory; before, the pid may have become another's.
  if (!sys::Procfs().is_running(process)) {
    return Error(ErrorCode::kGone, "open memory of process", std::to_string(process.pid));
  }
  return LiveMemory(std::move(file));
}

bool LiveMemory::read(std::uint64_t address, void* into, std::size_t size) const {
  auto* to = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t n = ::pread64(file_.get(), to, size, static_cast<off64_t>(address));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    const auto done = static_cast<std::size_t>(n);
    address += done;
    to += done;
    size -= done;
  }
  return true;
}

Status LiveMemory::write(std::uint64_t address, std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n =
        ::pwrite64(file_.get(), bytes.data(), bytes.size(), static_cast<off64_t>(address));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return Error::from_errno(n == 0 ? EIO : errno, "write memory", fmt::format("{:#x}", address));
    }
    address += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace nines::trace
