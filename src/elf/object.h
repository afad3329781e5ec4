// A relocatable object (.o) as a compiler writes it: sections, symbols, relocations.
#pragma once

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace nines::elf {

struct ObjectRelocation {
  std::uint64_t offset = 0;  ///< in its section, and inside of it
  std::uint32_t type = 0;    ///< R_X86_64_...
  std::size_t symbol = 0;    ///< index into Object::symbols()
  std::int64_t addend = 0;
};

struct ObjectSection {
  std::string name;
  std::uint32_t type = 0;
  std::uint64_t flags = 0;
  std::uint64_t size = 0;
  std::uint64_t alignment = 1;  ///< a power of two
  std::uint64_t entry_size = 0;
  std::string_view bytes;                     ///< `size` of them; none of SHT_NOBITS
  std::vector<ObjectRelocation> relocations;  ///< ascending by offset
  bool group = false;                         ///< COMDAT: another object's copy may be linked

  bool code() const { return (flags & SHF_EXECINSTR) != 0; }
  bool loaded() const { return (flags & SHF_ALLOC) != 0; }
  /// RELRO counts as read-only: the program never writes to it after it was relocated.
  bool read_only() const { return (flags & SHF_WRITE) == 0 || name.starts_with(".data.rel.ro"); }
  bool merged() const { return (flags & SHF_MERGE) != 0; }
  bool strings() const { return merged() && (flags & SHF_STRINGS) != 0; }
};

struct ObjectSymbol {
  std::string name;  ///< empty of a section's own symbol
  std::uint64_t value = 0;
  std::uint64_t size = 0;
  std::uint16_t index = SHN_UNDEF;  ///< of its section, or SHN_UNDEF, SHN_ABS, SHN_COMMON
  std::uint8_t type = STT_NOTYPE;
  std::uint8_t binding = STB_LOCAL;

  bool in_section() const { return index != SHN_UNDEF && index < SHN_LORESERVE; }
};

/// By index as the file numbers them; the first section and symbol are the file's empty ones.
class Object {
 public:
  /// @param bytes  must outlive the object, not trusted.
  /// @errors kCorrupt; kUnsupported: not x86-64, not relocatable, or compiled for link time
  ///         optimization, where it holds no code.
  /// @source gABI chapter 4; x86-64 psABI section 4.4
  static Result<Object> parse(std::string_view bytes);

  const std::vector<ObjectSection>& sections() const { return sections_; }
  const std::vector<ObjectSymbol>& symbols() const { return symbols_; }
  /// @return a defined one of that name; a global one if there are several.
  const ObjectSymbol* find(std::string_view name) const;
  std::optional<std::size_t> section(std::string_view name) const;
  /// @return the named symbol of a section that covers the offset, or begins there.
  const ObjectSymbol* symbol_at(std::size_t section, std::uint64_t offset) const;

 private:
  std::vector<ObjectSection> sections_;
  std::vector<ObjectSymbol> symbols_;
};

}  // namespace nines::elf
