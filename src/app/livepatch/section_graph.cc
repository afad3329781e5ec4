#include "app/livepatch/section_graph.h"

#include <elf.h>

#include <algorithm>

#include "elf/code.h"

namespace nines::livepatch {
namespace {

bool counts_from_field(std::uint32_t type) {
  switch (type) {
    case R_X86_64_PC32:
    case R_X86_64_PLT32:
    case R_X86_64_PC64:
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX:
    case R_X86_64_GOTTPOFF: return true;
    default: return false;
  }
}

/// From the field to the end of its instruction, from where the processor counts.
class Lengths {
 public:
  explicit Lengths(const elf::ObjectSection& section) : section_(section) {}
  /// @param field  not before that of the last call.
  std::int64_t rest(std::uint64_t field) {
    constexpr std::int64_t kUsual = 4;
    if (!section_.is_code()) return 0;
    while (end_ <= field && end_ < section_.bytes.size()) {
      const auto unit = elf::code_unit(section_.bytes.substr(end_));
      if (!unit) return kUsual;
      end_ += unit->length;
    }
    return end_ > field ? static_cast<std::int64_t>(end_ - field) : kUsual;
  }

 private:
  const elf::ObjectSection& section_;
  std::uint64_t end_ = 0;
};

}  // namespace

std::vector<Reference> SectionGraph::references(std::size_t index) const {
  const elf::ObjectSection& section = object_.sections()[index];
  Lengths lengths(section);
  std::vector<Reference> references;
  for (const elf::ObjectRelocation& relocation : section.relocations) {
    const elf::ObjectSymbol& symbol = object_.symbols()[relocation.symbol];
    Reference reference{relocation.offset, relocation.type, std::nullopt, {}, relocation.addend};
    const std::int64_t rest = lengths.rest(relocation.offset);
    if (counts_from_field(relocation.type)) reference.target += rest;
    // What is global may be another's in the end, but is named in any case.
    if (symbol.section) {
      reference.section = symbol.section;
      reference.target += static_cast<std::int64_t>(symbol.value);
    } else {
      reference.name = symbol.name;
    }
    references.push_back(std::move(reference));
  }
  return references;
}

std::optional<std::string_view> literal_at(const elf::ObjectSection& section, std::int64_t offset) {
  if (offset < 0 || static_cast<std::uint64_t>(offset) >= section.bytes.size()) return std::nullopt;
  const std::string_view rest = section.bytes.substr(static_cast<std::size_t>(offset));
  const std::size_t entry = std::max<std::uint64_t>(1, section.entry_size);
  if ((section.flags & SHF_STRINGS) == 0) {
    return rest.size() < entry ? std::nullopt : std::optional(rest.substr(0, entry));
  }
  for (std::size_t at = 0; rest.size() - at >= entry; at += entry) {
    const std::string_view character = rest.substr(at, entry);
    if (character.find_first_not_of('\0') == character.npos) return rest.substr(0, at + entry);
  }
  return std::nullopt;
}

bool is_numbered(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot != name.npos && dot > 0 && dot + 1 < name.size() &&
         name.substr(dot + 1).find_first_not_of("0123456789") == name.npos &&
         // ".rodata.str1.1", ".rodata.cst16": not numbered by the compiler's counter.
         name.find(".str") == name.npos && name.find(".cst") == name.npos;
}

std::string without_number(std::string_view name) {
  return std::string(is_numbered(name) ? name.substr(0, name.rfind('.')) : name);
}

}  // namespace nines::livepatch
