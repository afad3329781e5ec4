// A mapping of ours in another process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "trace/attachment.h"
#include "trace/modules.h"

namespace nines::livepatch {

/// A place for `size` bytes from which all of [start, end) is within reach of a near jump: the
/// nearest below, where nothing grows to; else the farthest above, away from the heap.
/// @errors kNoSpace.
Result<std::uint64_t> find_hole(const std::vector<trace::Mapping>& mappings, std::uint64_t start,
                                std::uint64_t end, std::uint64_t size);

/// The parts of a mapping, from its start.
struct ImageShape {
  std::uint64_t code = 0;  ///< before it: r--
  std::uint64_t data = 0;  ///< before it: r-x, behind it: rw-
  std::uint64_t end = 0;
};

/// Maps zeros, which no protection keeps LiveMemory::write() from replacing: no page is ever
/// writable and executable for the process.
/// @pre    all of the process's threads are stopped by `attachment`.
/// @param name  the mapping's in /proc/PID/maps, behind "/memfd:".
/// @errors those of the calls that the process makes; nothing of it stays then.
/// @source memfd_create(2), mmap(2)
Status map_image(const trace::Attachment& attachment, pid_t process, const std::string& name,
                 std::uint64_t at, const ImageShape& shape);

/// @pre as above, and no thread is in it.
Status unmap_image(const trace::Attachment& attachment, pid_t process, std::uint64_t start,
                   std::uint64_t size);

}  // namespace nines::livepatch
