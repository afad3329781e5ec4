// For each module of a process where its names, lines and unwind tables are. Nothing is opened
// before it is asked for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "elf/call_frames.h"
#include "elf/debug_info.h"
#include "elf/image.h"
#include "elf/symbols.h"
#include "trace/file_source.h"
#include "trace/process_view.h"

namespace nines::trace {

class DebugFiles {
 public:
  /// @param with_debug_info  false: DWARF is not looked at, whatever it is needed for.
  DebugFiles(FileSource* files, bool with_debug_info)
      : files_(files), with_debug_info_(with_debug_info) {}

  /// @return what holds at an address of the process; null where nothing is known.
  const elf::FrameRules* rules_at(ModuleView& module, std::uint64_t address);
  /// @return null where the module has no debug information that can be had.
  elf::DebugInfo* debug_info(ModuleView& module);
  /// Looks into the file, its debug file and its MiniDebugInfo.
  /// @param addresses  of the file, ascending, each once.
  std::map<std::uint64_t, elf::Symbol> symbols(ModuleView& module,
                                               const std::vector<std::uint64_t>& addresses);
  /// @return the address in the process of a symbol of this name.
  std::optional<std::uint64_t> address_of(ModuleView& module, std::string_view name);

 private:
  struct Of {
    std::unique_ptr<elf::CallFrames> frames;
    bool debug_frame_tried = false;
    bool separate_tried = false;
    const elf::Image* separate = nullptr;  ///< the debug file
    bool info_tried = false;
    std::unique_ptr<elf::DebugInfo> info;
    std::string mini_bytes;
    std::unique_ptr<elf::Image> mini;
  };
  const elf::Image* separate(ModuleView& module, Of& of);

  FileSource* files_;
  bool with_debug_info_;
  std::map<const ModuleView*, Of> known_;
};

}  // namespace nines::trace
