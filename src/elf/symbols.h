// Names of addresses, by the symbol tables of a file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/image.h"

namespace nines::elf {

struct Symbol {
  std::string name;  ///< as the file has it, not demangled
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

/// Looks all of `addresses` up in one pass, so that no index of a table with a million symbols is
/// built for a dozen of them.
/// @param addresses  of the file, ascending, each once.
/// @return  address -> the innermost function that contains it, or the nearest before it that has
///          no size (assembler code) and lies in the same section. Global names win over local
///          ones.
std::map<std::uint64_t, Symbol> find_symbols(const Image& image,
                                             const std::vector<std::uint64_t>& addresses);

/// @return the address of a defined symbol of this name; nothing if there is none.
std::optional<std::uint64_t> find_address(const Image& image, std::string_view name);

/// @return the symbol table that a stripped file carries, as an ELF file of its own; empty if there
///         is none, or what is there is damaged or larger than 64 MiB.
/// @source gdb manual, "MiniDebugInfo": .gnu_debugdata
std::string mini_debug_info(const Image& image);

/// @return readable C++, Rust or D as far as the C++ library knows; the name itself otherwise.
std::string demangle(const std::string& name);
/// The same of what std::type_info has as a type's name.
std::string demangle_type(const std::string& name);

}  // namespace nines::elf
