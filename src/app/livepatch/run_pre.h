// Finds an object file's code in a running program: the proof that the program was compiled from
// this source by this compiler, and the addresses of all that the code refers to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/livepatch/relocation_x86.h"
#include "base/result.h"
#include "elf/memory.h"
#include "elf/object.h"

namespace nines::livepatch {

/// Executable memory of one module, copied.
struct RunningText {
  std::uint64_t address = 0;
  std::string bytes;
};

/// Names to addresses, as far as the running file's own symbol tables tell: empty of a stripped
/// program.
using KnownSymbols = std::map<std::string, std::uint64_t>;

/// What the running code says about the symbols of one object.
class Matched {
 public:
  /// Where a section of the object runs, or its data is.
  std::optional<std::uint64_t> section(std::size_t index) const;
  /// @return the address of a symbol that the object defines or uses.
  /// @param memory  for what is only reached by the GOT.
  std::optional<std::uint64_t> address_of(const std::string& name, const elf::Memory& memory) const;
  /// The same, or a stub that leads there.
  std::optional<std::uint64_t> call_target(const std::string& name,
                                           const elf::Memory& memory) const;
  std::optional<std::uint64_t> thread_offset(const std::string& name,
                                             const elf::Memory& memory) const;
  /// Code sections that were found, and those that were not: linked from another object (COMDAT),
  /// thrown away, or too short to be told apart.
  std::size_t found() const { return found_; }
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  friend class Matcher;
  const std::uint64_t* value(Use use, const std::string& name) const;

  std::map<std::size_t, std::uint64_t> sections_;
  std::map<std::pair<Use, std::string>, std::uint64_t> values_;
  std::map<std::string, std::pair<std::size_t, std::uint64_t>> defined_;
  std::size_t found_ = 0;
  std::vector<std::string> missing_;
};

/// @param pre   compiled exactly as the running program was: same source, compiler, flags.
/// @errors kNotFound: no code of the object runs there as it was compiled, or its constants are
///         others: another source, compiler or flags. kUnsupported: relocations of an unknown type.
Result<Matched> match_running(const elf::Object& pre, const std::vector<RunningText>& text,
                              const KnownSymbols& known, const elf::Memory& memory);

}  // namespace nines::livepatch
