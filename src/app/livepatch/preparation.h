// A patch made ready for one running process: everything that can be done while it runs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/livepatch/patch_image.h"
#include "app/livepatch/patch_input.h"
#include "app/livepatch/registry.h"
#include "app/livepatch/run_pre.h"
#include "app/livepatch/stack_check.h"
#include "base/result.h"
#include "elf/object.h"
#include "trace/live_view.h"

namespace nines::livepatch {

/// @pre its input outlives it.
class Preparation {
 public:
  /// @param module   path of the mapped file as /proc/PID/maps has it.
  /// @param patches  that the process has already: its code is compared as it was without them.
  /// @errors kNotFound: the program was not compiled from this. kUnsupported: what cannot be
  ///         patched, and why. kInvalidArgument: nothing changes; no such module.
  static Result<std::unique_ptr<Preparation>> prepare(trace::LiveView& process,
                                                      const std::string& module,
                                                      const PatchInput& input,
                                                      const std::vector<PatchMapping>& patches);

  PatchImage& image() { return *image_; }
  const Registry& registry() const { return registry_; }
  /// Where no thread may be at the switch.
  const std::vector<CodeRange>& retired() const { return retired_; }
  std::uint64_t module_start() const { return module_start_; }
  std::uint64_t module_end() const { return module_end_; }
  /// Fixes where the functions lead. @return the image's bytes.
  Result<std::string> link_at(std::uint64_t start);

 private:
  struct Unit {
    std::unique_ptr<elf::Object> pre, original, patched;
    Matched matched;
  };
  explicit Preparation(trace::LiveView& process) : process_(process) {}
  Status read_module(const std::string& path, const std::vector<PatchMapping>& patches);
  Status add_object(const ObjectInput& input);
  Status add_entries(const PatchUnit& unit, const Unit& objects);
  Result<std::uint64_t> resolve(const Unit& unit, const ObjectDiff& diff, Use use,
                                const elf::ObjectSymbol& symbol);

  trace::LiveView& process_;
  std::uint64_t module_start_ = 0, module_end_ = 0;
  std::vector<RunningText> text_;
  KnownSymbols known_;
  std::vector<std::unique_ptr<Unit>> objects_;
  std::vector<PatchUnit> units_;
  std::vector<std::pair<std::size_t, std::size_t>> replacements_;  ///< by function: unit, section
  std::vector<CodeRange> retired_;
  Registry registry_;
  std::unique_ptr<PatchImage> image_;
};

}  // namespace nines::livepatch
