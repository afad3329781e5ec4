// Run-pre matching: is this function of an object that which runs, and where is all that it refers
// to?
//
// The object's code is compared with the running code instruction by instruction. Where the object
// says that something is to be filled in, the running code tells what was: the value of the symbol.
// So a match proves that the object was compiled from the running program's source by its compiler,
// and finds the places of functions and data that a stripped program has no names for.
// @source Arnold and Kaashoek, "Ksplice: Automatic Rebootless Kernel Updates", EuroSys 2009
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/object.h"

namespace nines::livepatch {

/// Running code, copied.
struct RunningCode {
  std::uint64_t address = 0;
  std::string_view bytes;
};

/// What the running code says a symbol is. A function may be reached by itself and through the
/// procedure linkage table, and its address may be read out of the global offset table.
enum class Via : std::uint8_t {
  kValue,  ///< its address, or that of its entry in the procedure linkage table
  kSlot,   ///< the address of the word in the global offset table that holds it
};
struct SymbolUse {
  std::uint32_t symbol = 0;  ///< index in the object
  Via via = Via::kValue;
  /// Into a section whose pieces the linker merges with equal ones: each has a place of its own.
  /// Elsewhere 0: the place of the symbol tells all.
  std::int64_t offset = 0;
  friend auto operator<=>(const SymbolUse&, const SymbolUse&) = default;
};

struct Match {
  std::uint64_t address = 0;  ///< of the function
  std::uint64_t size = 0;     ///< in the running code, which may be padded in another way
  std::map<SymbolUse, std::uint64_t> symbols;
};

/// Compares the code of a section with the code at one address.
/// @errors kNotFound: it differs; the detail says where, and how.
///         kUnsupported: a relocation of a type that is not known here.
Result<Match> match_at(const elf::Object& object, std::size_t section, const RunningCode& code,
                       std::uint64_t address);

/// All places where it matches.
/// @errors kUnsupported, as above.
/// @note   more than one, or one where it is no more than a few instructions, proves nothing.
Result<std::vector<Match>> find_matches(const elf::Object& object, std::size_t section,
                                        const RunningCode& code);

}  // namespace nines::livepatch
