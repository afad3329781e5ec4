// What the sections of an object refer to, independent of how the assembler wrote it down: it turns
// references to local symbols into ones to their sections.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "elf/object.h"

namespace nines::livepatch {

struct Reference {
  std::uint64_t offset = 0;  ///< in the section that refers
  std::uint32_t type = 0;
  std::optional<std::size_t> section;  ///< of this object; nothing: `name` is elsewhere
  std::string name;
  /// In that section, or from that symbol: without what counts from the place of the field.
  std::int64_t target = 0;
};

class SectionGraph {
 public:
  explicit SectionGraph(const elf::Object& object) : object_(object) {}
  std::vector<Reference> references(std::size_t section) const;

 private:
  const elf::Object& object_;
};

/// The literal in a section with SHF_MERGE: a string up to and with its end, or a constant.
/// @return nothing: no whole one is there.
std::optional<std::string_view> literal_at(const elf::ObjectSection& section, std::int64_t offset);

/// Whether a name ends as those of static variables in functions and of parts of functions do:
/// ".bss.counter.0", ".text.f.part.0", ".text.f.constprop.1".
bool is_numbered(std::string_view name);
/// ".bss.counter" of ".bss.counter.0".
std::string without_number(std::string_view name);

}  // namespace nines::livepatch
