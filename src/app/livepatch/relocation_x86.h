// x86-64 relocations, both ways: into a field, and out of one that the linker has filled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "elf/object.h"

namespace nines::livepatch {

/// What of its symbol a relocation puts into the field.
enum class Use : std::uint8_t {
  kAddress,
  kCall,        ///< an address to call or jump to: the function, or a stub that leads there
  kSlot,        ///< where the address is stored (GOT)
  kThread,      ///< the variable's offset from the thread pointer
  kThreadSlot,  ///< where that offset is stored (GOT)
};

/// @return nothing for a type that this engine does not know.
std::optional<Use> use_of(std::uint32_t type);

/// The bytes around a relocation's offset that the linker may write: it also rewrites
/// instructions, where what they load turns out to be near.
struct Extent {
  std::uint64_t before = 0;
  std::uint64_t size = 0;
};
Extent extent_of(std::uint32_t type);

struct Implied {
  Use use = Use::kAddress;
  std::uint64_t value = 0;
};

/// What a field that was linked says of the relocation's symbol.
/// @param pre    the section as it was compiled.
/// @param run    as many bytes as it runs, at `address`.
/// @return nothing: the instruction is not the same, nor what a linker makes of it.
/// @source x86-64 psABI, table 4.10, section B.2 "Optimize GOTPCRELX Relocations"; "ELF Handling
///         For Thread-Local Storage" section 4.4
std::optional<Implied> implied_by(const elf::ObjectRelocation& relocation, std::string_view pre,
                                  std::string_view run, std::uint64_t address);

/// Fills a field. `value` is what use_of() says, without the addend.
/// @param section  its bytes, changed in place. @param address  of its first byte.
/// @errors kLimit: it does not reach. kUnsupported: another type.
Status apply_relocation(const elf::ObjectRelocation& relocation, std::string& section,
                        std::uint64_t address, std::uint64_t value);

}  // namespace nines::livepatch
