// Frames with names, lines and arguments.
#pragma once

#include <map>
#include <vector>

#include "app/crash/diagnosis.h"
#include "trace/debug_files.h"
#include "trace/stack.h"

namespace nines::crash {

class Symbolizer {
 public:
  explicit Symbolizer(trace::DebugFiles* debug) : debug_(debug) {}

  /// Looks up what all of these will need, each address once.
  void prepare(const std::vector<const trace::Stack*>& stacks);

  /// @pre  prepare() has seen the frame.
  /// @param memory  for the values of arguments; null: without them.
  /// @return the functions inlined there, then the one that exists.
  std::vector<DiagnosedFrame> describe(const trace::Frame& frame, const elf::Memory* memory);

 private:
  using Place = std::pair<const trace::ModuleView*, std::uint64_t>;
  std::vector<elf::SourceFrame> source_of(const trace::Frame& frame, const elf::Memory* memory);

  trace::DebugFiles* debug_;
  std::map<Place, elf::Symbol> symbols_;
  std::map<Place, std::vector<elf::SourceFrame>> sources_;  ///< without arguments
};

/// @return the word that JSON and report have for it.
std::string to_string(trace::Trust trust);

}  // namespace nines::crash
