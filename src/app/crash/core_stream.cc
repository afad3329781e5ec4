#include "app/crash/core_stream.h"

#include <algorithm>
#include <vector>

#include "app/crash/sparse_writer.h"
#include "app/crash/timed_read.h"

namespace nines::crash {
namespace {

constexpr std::size_t kBlock = std::size_t{256} << 10;

}  // namespace

Result<CoreStart> read_core_start(int stream, BootTime deadline) {
  CoreStart start;
  const auto append = [&](std::size_t more) {
    const std::size_t had = start.bytes.size();
    start.bytes.resize(had + more);
    return read_exactly(stream, start.bytes.data() + had, more, deadline);
  };
  NINES_TRY(append(elf::kCoreStart));
  NINES_ASSIGN(const std::size_t size, elf::core_head_size(start.bytes));
  if (size > start.bytes.size()) {
    NINES_TRY(append(size - start.bytes.size()));
  }
  NINES_ASSIGN(start.head, elf::parse_core_head(start.bytes));
  return start;
}

Status copy_core(int stream, std::string_view start, int out, std::uint64_t most,
                 BootTime deadline) {
  SparseWriter writer(out);
  NINES_TRY(writer.write(
      start.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(start.size(), most)))));
  std::vector<char> block(kBlock);
  std::size_t filled = 0;
  while (writer.written() < most) {
    NINES_ASSIGN(const std::size_t n,
                 read_some(stream, block.data() + filled, block.size() - filled, deadline));
    filled += n;
    if (n != 0 && filled < block.size()) continue;
    const std::size_t size =
        static_cast<std::size_t>(std::min<std::uint64_t>(filled, most - writer.written()));
    NINES_TRY(writer.write({block.data(), size}));
    filled = 0;
    if (n == 0) break;
  }
  return writer.finish();
}

}  // namespace nines::crash
