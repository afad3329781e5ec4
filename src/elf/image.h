// One ELF file's bytes, with libelf's view of them.
#pragma once

#include <libelf.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "elf/program.h"

namespace nines::elf {

/// Where another file with the debug information is. @source gdb manual, "Separate Debug Files"
struct DebugLink {
  std::string name;  ///< without a directory
  std::uint32_t crc = 0;
};

/// What dwz moved into a file of its own. @source DWARF 5, section 7.3.6; .gnu_debugaltlink
struct DebugAlternative {
  std::string name;
  std::string build_id;
};

class Image {
 public:
  /// @param bytes  must outlive the image.
  /// @errors those of parse_program(); kCorrupt: libelf does not take it.
  static Result<Image> open(std::string_view bytes);

  Elf* elf() const { return elf_.get(); }
  std::string_view bytes() const { return bytes_; }
  const Program& program() const { return program_; }
  const std::string& build_id() const { return build_id_; }

  std::optional<DebugLink> debug_link() const;
  std::optional<DebugAlternative> debug_alternative() const;
  bool has_section(std::string_view name) const;
  /// @return decompressed; empty if there is none.
  std::string_view section(std::string_view name) const;

 private:
  struct End {
    void operator()(Elf* elf) const { elf_end(elf); }
  };
  Image(std::string_view bytes, Program program, std::unique_ptr<Elf, End> elf)
      : bytes_(bytes),
        program_(std::move(program)),
        build_id_(build_id_of_file(program_, bytes)),
        elf_(std::move(elf)) {}

  std::string_view bytes_;
  Program program_;
  std::string build_id_;
  std::unique_ptr<Elf, End> elf_;
};

/// As .gnu_debuglink has it of the whole file. @source gdb manual, gnu_debuglink_crc32
std::uint32_t debug_link_crc(std::string_view file);

}  // namespace nines::elf
