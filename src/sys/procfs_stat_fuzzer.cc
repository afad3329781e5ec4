// Fuzzes parse_process_stat: a process chooses its own name, so the line is hostile input.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sys/procfs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto stat = nines::sys::parse_process_stat(line);
  if (!stat) {
    if (stat.error().code() != nines::ErrorCode::kCorrupt) std::abort();
    return 0;
  }
  // What was accepted is where it claims to be.
  if (stat->id.pid <= 0 || stat->parent < 0) std::abort();
  if (line.find("(" + stat->command + ")") == std::string_view::npos) std::abort();
  return 0;
}
