// What a patched process itself says about its patches: it outlives us, and every other record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/memory.h"
#include "trace/modules.h"

namespace nines::livepatch {

/// One function whose entry leads to another.
///
///     old:  [endbr64] e9 rel32        new:  the replacement
///           ^ entry
struct PatchedFunction {
  std::string name;
  std::uint64_t entry = 0;        ///< where the jump is written
  std::uint64_t replacement = 0;  ///< where it leads
  std::string before;             ///< the bytes that it overwrites

  /// @pre it is within reach. @return as many bytes as `before` has.
  std::string jump() const;
};

inline constexpr std::size_t kJumpSize = 5;
/// /proc/PID/maps shows the mapping as "/memfd:nines-patch:NAME (deleted)".
inline constexpr std::string_view kMappingPrefix = "/memfd:nines-patch:";

struct Registry {
  std::string name;  ///< of the patch
  std::vector<PatchedFunction> functions;
};

/// The bytes lie behind the headers of the patch's image, at kRegistryOffset of its first page.
inline constexpr std::uint64_t kRegistryOffset = 0x200;
std::string encode_registry(const Registry& registry);
/// @param bytes  from kRegistryOffset on. The process may have written there: not trusted.
/// @errors kCorrupt.
Result<Registry> decode_registry(std::string_view bytes);

/// One patch's mapping in a process.
struct PatchMapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  Registry registry;
};

/// @return in the order of their addresses; without functions where the patcher was killed before
///         it wrote them. @errors kCorrupt: a mapping has our name and is not ours.
Result<std::vector<PatchMapping>> find_patches(const std::vector<trace::Mapping>& mappings,
                                               const elf::Memory& memory);

}  // namespace nines::livepatch
