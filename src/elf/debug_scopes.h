// The functions whose code contains an address, in one unit of DWARF.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <string>
#include <vector>

namespace nines::elf {

/// @return the entries of functions, outermost first: one that exists, then what is inlined into
///         it, each into the one before.
std::vector<Dwarf_Die> functions_at(Dwarf_Die* unit, std::uint64_t address);

/// @return demangled, with the namespaces around it where the file tells of a linkage name.
std::string function_name(Dwarf_Die* function);

}  // namespace nines::elf
