// Fuzzes the head of a core: whoever crashes has written most of it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "elf/core_head.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::elf;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto head_size = core_head_size(bytes);
  const auto core = parse_core_head(bytes);
  if (!core) {
    check(!core.error().message().empty());
    return 0;
  }
  check(head_size.has_value() && *head_size <= size);
  check(!core->threads.empty());
  for (const CoreThread& thread : core->threads) {
    (void)core->file_at(thread.pc);
    const CoreSegment* segment = core->segment_at(thread.sp);
    check(segment == nullptr || segment->address <= thread.sp);
  }
  for (const MappedFile& file : core->files) check(file.start < file.end);
  return 0;
}
