// One process as it stands still, whatever it is read from: threads, memory, files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "elf/core_head.h"
#include "elf/expression.h"
#include "elf/image.h"
#include "elf/memory.h"

namespace nines::trace {

struct ThreadView {
  std::int32_t tid = 0;
  elf::RegisterSet registers;
  std::uint64_t pc = 0;
  std::uint64_t sp = 0;
};

/// Whether a file's bytes are those that the process had mapped.
enum class Match : std::uint8_t {
  kVerified,    ///< the build-id in the process's memory is the file's
  kUnverified,  ///< there is none to compare
  kDiffers,     ///< another file has its name by now: not used
  kMissing,     ///< no file of the name, or none that could be opened
  kMemory,      ///< read from the process's own memory
};

struct ModuleView {
  std::string path;  ///< "[vdso]" of the kernel's
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t bias = 0;  ///< to add to the file's addresses
  std::string build_id;    ///< as the memory has it, or else the file
  Match match = Match::kMissing;
  const elf::Image* image = nullptr;  ///< null where no bytes are to be had
  std::string memory_bytes;           ///< of an image out of memory, and its
  std::unique_ptr<elf::Image> memory_image;

  bool contains(std::uint64_t address) const { return address >= start && address < end; }
  /// Its last part.
  std::string name() const { return path.substr(path.rfind('/') + 1); }
};

class ProcessView {
 public:
  ProcessView() = default;
  ProcessView(const ProcessView&) = delete;
  ProcessView& operator=(const ProcessView&) = delete;
  virtual ~ProcessView() = default;

  virtual const elf::Memory& memory() const = 0;
  virtual elf::Machine machine() const = 0;
  /// The one that crashed, if any did, is the first.
  virtual const std::vector<ThreadView>& threads() const = 0;
  /// @return null where no file is mapped.
  virtual ModuleView* module_at(std::uint64_t address) = 0;
  virtual std::vector<std::unique_ptr<ModuleView>>& modules() = 0;
  virtual bool is_code(std::uint64_t address) const = 0;
};

}  // namespace nines::trace
