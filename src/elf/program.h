// The head of an ELF file, whether it lies in a file or in a process's memory.
#pragma once

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/memory.h"

namespace nines::elf {

struct Program {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> segments;  ///< all types, as they come

  /// The address that the file gives its first page.
  std::uint64_t first_address() const;
  /// One past the last byte that is mapped.
  std::uint64_t end_address() const;
};

/// @param start  the beginning of the file, with the program headers in it.
/// @errors kCorrupt; kUnsupported: not of 64 bits, or of another byte order.
Result<Program> parse_program(std::string_view start);

/// @return in lower-case hexadecimal; empty if there is none.
/// @source binutils: NT_GNU_BUILD_ID
std::string build_id_in_notes(std::string_view notes, std::uint64_t alignment);
/// @param file  all of it.
std::string build_id_of_file(const Program& program, std::string_view file);
/// @param base  where the first page is mapped.
std::string build_id_in_memory(const Program& program, const Memory& memory, std::uint64_t base);

/// The file as far as it is mapped, from the memory into which it was: of what has no file (the
/// vdso), or none any more.
/// @return empty if not all of it is there.
std::string file_from_memory(const Program& program, const Memory& memory, std::uint64_t base);

}  // namespace nines::elf
