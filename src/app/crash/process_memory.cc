#include "app/crash/process_memory.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "sys/file.h"

namespace nines::crash {

Result<ProcessMemory> ProcessMemory::open(const sys::Pidfd& process, pid_t pid) {
  NINES_ASSIGN(UniqueFd file, sys::open_file(fmt::format("/proc/{}/mem", pid), O_RDONLY));
  // Still there after the opening: it was its memory.
  if (process.has_exited()) {
    return Error(ErrorCode::kGone, "open the memory of process", std::to_string(pid));
  }
  return ProcessMemory(std::move(file));
}

std::string ProcessMemory::read(std::uint64_t address, std::size_t size) const {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n =
        ::pread(file_.get(), bytes.data() + done, size - done, static_cast<off_t>(address + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace nines::crash
