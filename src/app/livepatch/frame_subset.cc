#include "app/livepatch/frame_subset.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "elf/byte_reader.h"

namespace nines::livepatch {
namespace {

constexpr std::uint64_t kLength = 4;
constexpr std::uint64_t kFunction = 8;  ///< offset of a description's first field

const elf::ObjectRelocation* relocation_at(const elf::ObjectSection& section,
                                           std::uint64_t offset) {
  const auto at = std::lower_bound(
      section.relocations.begin(), section.relocations.end(), offset,
      [](const elf::ObjectRelocation& one, std::uint64_t o) { return one.offset < o; });
  return at != section.relocations.end() && at->offset == offset ? &*at : nullptr;
}

}  // namespace

FrameSubset frames_of(const elf::Object& object, const std::function<bool(std::size_t)>& wanted) {
  FrameSubset subset;
  for (const elf::ObjectSection& section : object.sections()) {
    if (section.name != ".eh_frame") continue;
    std::map<std::uint64_t, std::uint64_t> common;  // where it was, where it is
    for (std::uint64_t at = 0;;) {
      const auto length = elf::read_at<std::uint32_t>(section.bytes, at);
      const auto id = elf::read_at<std::uint32_t>(section.bytes, at + kLength);
      if (!length || *length == 0 || *length == UINT32_MAX || !id) break;
      const auto entry = elf::slice(section.bytes, at, kLength + *length);
      if (!entry) break;
      const std::uint64_t here = subset.bytes.size();
      if (*id == 0) {
        common[at] = here;
        subset.bytes += *entry;
      } else if (const auto* function = relocation_at(section, at + kFunction)) {
        const auto parent = common.find(at + kLength - *id);
        const elf::ObjectSymbol& symbol = object.symbols()[function->symbol];
        if (parent != common.end() && symbol.in_section() && wanted(symbol.index)) {
          subset.bytes += *entry;
          const auto back = static_cast<std::uint32_t>(here + kLength - parent->second);
          std::memcpy(subset.bytes.data() + here + kLength, &back, sizeof back);
          subset.relocations.push_back(*function);
          subset.relocations.back().offset = here + kFunction;
        }
      }
      at += kLength + *length;
    }
  }
  return subset;
}

}  // namespace nines::livepatch
