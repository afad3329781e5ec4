// Lines, inlined functions and arguments, out of a file's DWARF.
#pragma once

#include <elfutils/libdw.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "elf/expression.h"
#include "elf/image.h"

namespace nines::elf {

struct Argument {
  std::string name;
  std::string value;  ///< "(optimized out)" where it is kept nowhere any more
};

/// A function as the source has it. Several may be in the code of one, inlined.
struct SourceFrame {
  std::string function;  ///< demangled
  std::string file;      ///< as the compiler was told; empty if unknown
  int line = 0;
  bool inlined = false;
  std::vector<Argument> arguments;
};

class DebugInfo {
 public:
  /// @param image        has the debug information; must outlive this.
  /// @param alternative  what dwz moved out of it, or null; likewise.
  /// @errors kNotFound: there is none. kCorrupt.
  static Result<std::unique_ptr<DebugInfo>> open(const Image& image, const Image* alternative);

  DebugInfo(const DebugInfo&) = delete;
  DebugInfo& operator=(const DebugInfo&) = delete;
  ~DebugInfo();

  Dwarf* dwarf() const { return dwarf_; }

  /// Innermost first, the function that really exists last. Reads the unit of this address alone.
  /// @param address  of the file.
  /// @param state    of the frame, for its arguments; null: without them.
  /// @return empty if nothing tells of it.
  std::vector<SourceFrame> at(std::uint64_t address, ExpressionContext* state);

 private:
  DebugInfo() = default;
  std::optional<Dwarf_Die> unit_at(std::uint64_t address);
  void index_units();
  void scan_units();

  struct Range {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    Dwarf_Off unit = 0;
  };
  Dwarf* dwarf_ = nullptr;
  Dwarf* alternative_ = nullptr;
  Dwarf_Aranges* aranges_ = nullptr;
  std::vector<Range> ranges_;  ///< of all units, where the file has no index; ascending
  bool indexed_ = false;
  bool scanned_ = false;
};

}  // namespace nines::elf
