// Fuzzes a packed core: the file may have been damaged, or be another's.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "app/crash/packed_core.h"
#include "base/unique_fd.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines;
  const UniqueFd packed(::memfd_create("packed", MFD_CLOEXEC));
  const UniqueFd out(::memfd_create("core", MFD_CLOEXEC));
  check(packed && out);
  check(::write(packed.get(), data, size) == static_cast<ssize_t>(size));
  const auto table = crash::read_frame_table(packed.get());
  const auto unpacked = crash::unpack_core(packed.get(), out.get());
  if (!unpacked) {
    check(!unpacked.error().message().empty());
    return 0;
  }
  check(table.has_value());
  std::uint64_t holds = 0;
  for (const auto& frame : table->frames()) holds += frame.unpacked;
  check(static_cast<std::uint64_t>(::lseek(out.get(), 0, SEEK_END)) == holds);
  return 0;
}
