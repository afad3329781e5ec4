// Whoever may mount chooses the names of mount points.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "sys/mountinfo.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto mount = nines::sys::parse_mount(line);
  if (!mount) return 0;
  // Nothing is made up: what was read is no longer than the line.
  if (mount->id < 0 || mount->point.empty() || mount->point.size() > size) std::abort();
  if (mount->type.empty() || line.find(mount->type) == std::string_view::npos) std::abort();
  return 0;
}
