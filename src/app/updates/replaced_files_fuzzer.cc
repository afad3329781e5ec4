// A process chooses the names of the files that it maps.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "app/updates/process_files.h"
#include "app/updates/replaced_files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto mapping = nines::updates::parse_executable_mapping(line);
  if (!mapping) return 0;
  // The path is a part of the line, and is what a file system could hold.
  if (mapping->path.empty() || mapping->path[0] != '/') std::abort();
  if (line.find(mapping->path) == std::string_view::npos) std::abort();
  (void)nines::updates::is_installed_path(mapping->path);
  return 0;
}
