// New code and data, laid out as one ELF image that is mapped near what it patches.
//
//     +---------------------------------+----------------------+------------------+
//     | headers, registry, .eh_frame,   | code, stubs to what  | data, addresses  |
//     | constants                  r--  | is far away     r-x  | (GOT)       rw-  |
//     +---------------------------------+----------------------+------------------+
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/livepatch/object_diff.h"
#include "app/livepatch/registry.h"
#include "app/livepatch/relocation_x86.h"
#include "base/result.h"
#include "elf/object.h"

namespace nines::livepatch {

/// One changed object of a patch.
struct PatchUnit {
  const elf::Object* patched = nullptr;
  ObjectDiff diff;
  /// The value for a symbol that is not in the image. For kSlot and kThreadSlot what is to be
  /// stored in the slot.
  std::function<Result<std::uint64_t>(Use use, const elf::ObjectSymbol& symbol)> resolve;
};

class PatchImage {
 public:
  /// Places all sections that the units include; nothing has an address yet.
  /// @pre `units` outlive this.
  /// @param most_registry  bytes that encode_registry() will need at most.
  explicit PatchImage(const std::vector<PatchUnit>& units, std::uint64_t most_registry);

  std::uint64_t size() const { return end_; }
  std::uint64_t code_offset() const { return code_; }
  std::uint64_t data_offset() const { return data_; }
  /// Where a section of a unit is, from the image's start. @pre it is included.
  std::uint64_t offset_of(std::size_t unit, std::size_t section) const;

  /// @param start  where it will be mapped, page-aligned.
  /// @return all of its bytes.
  /// @errors those of `resolve` and of apply_relocation().
  Result<std::string> link(std::uint64_t start, const Registry& registry);

 private:
  struct Part {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  void place(std::uint64_t& at, const std::function<bool(const elf::ObjectSection&)>& wanted);
  Status link_section(std::size_t unit, std::size_t section);
  Result<std::uint64_t> value_for(std::size_t unit, const elf::ObjectRelocation& relocation);
  std::uint64_t slot_with(std::uint64_t value);
  std::uint64_t stub_to(std::uint64_t target);
  Status link_frames();
  void write_headers(const Registry& registry);

  const std::vector<PatchUnit>& units_;
  std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> offsets_;
  std::vector<std::string> frames_;  ///< one for each unit
  std::uint64_t frames_offset_ = 0, frames_size_ = 0;
  std::uint64_t code_ = 0, stubs_ = 0, data_ = 0, slots_ = 0, end_ = 0;
  std::uint64_t next_stub_ = 0, next_slot_ = 0;
  std::map<std::uint64_t, std::uint64_t> known_stubs_, known_slots_;
  std::uint64_t start_ = 0;
  std::string bytes_;
};

}  // namespace nines::livepatch
