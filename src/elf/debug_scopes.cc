#include "elf/debug_scopes.h"

#include <dwarf.h>

#include "elf/symbols.h"

namespace nines::elf {
namespace {

constexpr int kMaxDepth = 256;  // C++ nests deeply, and no source does so by thousands

class Search {
 public:
  explicit Search(std::uint64_t address) : address_(address) {}

  /// @param everywhere  also below what is not at the address: functions of local classes are
  /// there.
  bool below(Dwarf_Die* parent, bool everywhere, int depth) {
    Dwarf_Die child;
    if (depth > kMaxDepth || dwarf_child(parent, &child) != 0) return false;
    do {
      if (visit(&child, everywhere, depth)) return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
  }

  std::vector<Dwarf_Die> found;

 private:
  bool visit(Dwarf_Die* die, bool everywhere, int depth) {
    switch (dwarf_tag(die)) {
      case DW_TAG_subprogram:
      case DW_TAG_inlined_subroutine:
        if (dwarf_haspc(die, address_) > 0) {
          found.push_back(*die);
          below(die, false, depth + 1);
          return true;
        }
        return everywhere && below(die, true, depth + 1);
      case DW_TAG_lexical_block:
      case DW_TAG_try_block:
      case DW_TAG_catch_block:
        // Some have no ranges of their own.
        return (everywhere || dwarf_haspc(die, address_) != 0) && below(die, everywhere, depth + 1);
      case DW_TAG_namespace:
      case DW_TAG_module: return below(die, everywhere, depth + 1);
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type: return everywhere && below(die, true, depth + 1);
      default: return false;
    }
  }

  std::uint64_t address_;
};

}  // namespace

std::vector<Dwarf_Die> functions_at(Dwarf_Die* unit, std::uint64_t address) {
  for (const bool everywhere : {false, true}) {
    Search search(address);
    if (search.below(unit, everywhere, 0)) return std::move(search.found);
  }
  return {};
}

std::string function_name(Dwarf_Die* function) {
  Dwarf_Attribute memory;
  for (const unsigned kind : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    const char* name = dwarf_formstring(dwarf_attr_integrate(function, kind, &memory));
    if (name != nullptr) return demangle(name);
  }
  const char* name = dwarf_formstring(dwarf_attr_integrate(function, DW_AT_name, &memory));
  return name == nullptr ? "" : name;
}

}  // namespace nines::elf
