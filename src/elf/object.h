// A relocatable object as a compiler wrote it: sections, symbols, and what is to be filled in
// where. Read from bytes that somebody else chose: every index and offset is checked once, here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace nines::elf {

struct ObjectRelocation {
  std::uint64_t offset = 0;  ///< in its section
  std::uint32_t type = 0;    ///< R_X86_64_...
  std::uint32_t symbol = 0;  ///< index in symbols()
  std::int64_t addend = 0;
};

struct ObjectSection {
  std::string name;
  std::uint32_t type = 0;   ///< SHT_...
  std::uint64_t flags = 0;  ///< SHF_...
  std::uint64_t size = 0;
  std::uint64_t alignment = 1;
  std::uint64_t entry_size = 0;               ///< of one constant or character, with SHF_MERGE
  std::string_view bytes;                     ///< none of SHT_NOBITS
  std::string group;                          ///< COMDAT: its signature; empty: of no group
  std::vector<ObjectRelocation> relocations;  ///< ascending by offset

  bool is_code() const;  ///< allocated and executable
  bool is_allocated() const;
  bool is_writable() const;
};

struct ObjectSymbol {
  std::string name;  ///< of a section's own symbol: the section's
  std::uint64_t value = 0;
  std::uint64_t size = 0;
  std::uint8_t type = 0;     ///< STT_...
  std::uint8_t binding = 0;  ///< STB_...
  /// Index in sections(); nothing: it is elsewhere, or is a number (`absolute`).
  std::optional<std::size_t> section;
  bool absolute = false;
  bool common = false;  ///< SHN_COMMON: to be laid out by the linker

  bool is_local() const { return binding == 0; }
  bool is_undefined() const { return !section && !absolute && !common; }
};

class Object {
 public:
  /// @param bytes  outlive it.
  /// @errors kCorrupt: names what is wrong. kUnsupported: not relocatable, not of 64 bits, not of
  ///         this machine; relocations without addends; compressed sections.
  /// @source elf(5); System V ABI, "Sections"
  static Result<Object> open(std::string_view bytes);

  const std::vector<ObjectSection>& sections() const { return sections_; }
  const std::vector<ObjectSymbol>& symbols() const { return symbols_; }
  /// The function that begins a section, as -ffunction-sections makes them; nullptr: none.
  const ObjectSymbol* function_at_start(std::size_t section) const;

 private:
  friend class ObjectReader;
  std::vector<ObjectSection> sections_;
  std::vector<ObjectSymbol> symbols_;
};

}  // namespace nines::elf
