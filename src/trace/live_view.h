// A process that is alive, as the same view that a core gives.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "trace/live_memory.h"
#include "trace/mapped_bytes.h"
#include "trace/modules.h"
#include "trace/process_view.h"

namespace nines::trace {

/// Files are opened when they are first asked for, and stay open: what is made before the process
/// stops makes the stop short.
class LiveView final : public ProcessView {
 public:
  /// Threads are none until look_at_threads(). @errors those of LiveMemory::open().
  static Result<std::unique_ptr<LiveView>> open(const ProcessId& process);

  const LiveMemory& live_memory() const { return memory_; }
  const ProcessId& process() const { return process_; }
  /// Reads the maps again; modules that are still where they were keep what is known of them.
  Status refresh();
  /// @pre   all of `threads` are stopped by the calling thread.
  /// @errors kGone: one is gone. kUnsupported: it runs code of another word size.
  Status look_at_threads(const std::vector<pid_t>& threads);
  const std::vector<Mapping>& mappings() const { return mappings_; }
  /// Opens the files of all modules.
  void load_all();

  const elf::Memory& memory() const override { return memory_; }
  elf::Machine machine() const override;
  const std::vector<ThreadView>& threads() const override { return threads_; }
  ModuleView* module_at(std::uint64_t address) override;
  std::vector<std::unique_ptr<ModuleView>>& modules() override { return modules_; }
  bool is_code(std::uint64_t address) const override;

 private:
  struct File {
    MappedBytes content;
    std::unique_ptr<elf::Image> image;
  };
  LiveView(const ProcessId& process, LiveMemory memory)
      : process_(process), memory_(std::move(memory)) {}
  void find_modules();
  void load(ModuleView* module);
  bool load_file(ModuleView* module);
  void load_memory(ModuleView* module);

  ProcessId process_;
  LiveMemory memory_;
  std::vector<Mapping> mappings_;
  std::vector<ThreadView> threads_;
  std::vector<std::unique_ptr<ModuleView>> modules_;
  std::vector<std::unique_ptr<ModuleView>> retired_;  ///< whoever keeps a pointer may go on
  std::vector<std::unique_ptr<File>> files_;
};

}  // namespace nines::trace
