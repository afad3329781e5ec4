#include "elf/debug_scopes.h"

#include <dwarf.h>

#include <cstdlib>
#include <memory>

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

/// Where it was declared: behind the copies that inlining and definitions outside of a class make.
Dwarf_Die declaration_of(Dwarf_Die die) {
  Dwarf_Attribute memory;
  for (const unsigned kind : {DW_AT_abstract_origin, DW_AT_specification}) {
    Dwarf_Die next;
    if (dwarf_formref_die(dwarf_attr(&die, kind, &memory), &next) != nullptr) die = next;
  }
  return die;
}

/// "ns::Class::" of what is not local to a function: that has no name elsewhere.
std::string scopes_of(Dwarf_Die* function) {
  Dwarf_Die declaration = declaration_of(*function);
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes_die(&declaration, &scopes);
  const std::unique_ptr<Dwarf_Die, void (*)(void*)> owner(scopes, std::free);
  std::string text;
  for (int i = 1; i < count; ++i) {
    switch (dwarf_tag(&scopes[i])) {
      case DW_TAG_subprogram: return {};
      case DW_TAG_namespace:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type: {
        const char* name = dwarf_diename(&scopes[i]);
        text.insert(0, std::string(name == nullptr ? "(anonymous namespace)" : name) + "::");
        break;
      }
      default: break;
    }
  }
  return text;
}

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
  return name == nullptr ? "" : scopes_of(function) + name;
}

}  // namespace nines::elf
