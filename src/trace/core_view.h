// A process out of its core, whoever wrote it, and the files it had mapped.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/core_head.h"
#include "trace/file_source.h"
#include "trace/process_view.h"

namespace nines::trace {

class CoreView final : public ProcessView {
 public:
  /// @param core   the whole file; must outlive this, as must `files`.
  /// @errors those of elf::parse_core_head(); kUnsupported: of another kind of machine than ours.
  static Result<std::unique_ptr<CoreView>> open(std::string_view core, FileSource* files);

  const elf::CoreHead& head() const { return head_; }
  /// Bytes of memory that the core promises and does not have: it was cut off.
  std::uint64_t missing() const { return missing_; }

  const elf::Memory& memory() const override { return memory_; }
  elf::Machine machine() const override { return head_.machine; }
  const std::vector<ThreadView>& threads() const override { return threads_; }
  std::vector<std::unique_ptr<ModuleView>>& modules() override { return modules_; }
  /// Opens its file when it is asked for the first time.
  ModuleView* module_at(std::uint64_t address) override;
  bool is_code(std::uint64_t address) const override;

 private:
  /// What the core holds; where that leaves a file's read-only pages out, the file.
  class CoreMemory final : public elf::Memory {
   public:
    explicit CoreMemory(CoreView* view) : view_(view) {}
    bool read(std::uint64_t address, void* into, std::size_t size) const override;

   private:
    std::size_t read_some(std::uint64_t address, char* into, std::size_t size) const;
    CoreView* view_;
    mutable const elf::CoreSegment* last_ = nullptr;
  };

  struct Loaded {
    bool tried = false;
    const OpenFile* file = nullptr;
  };

  CoreView(elf::CoreHead head, std::string_view core, FileSource* files);
  void find_modules();
  std::size_t index_of(const ModuleView& module) const;
  void load(ModuleView* module);
  void load_file(ModuleView* module, const elf::Program* in_memory);
  const OpenFile* content_of(const elf::MappedFile& mapping);

  elf::CoreHead head_;
  std::string_view core_;
  FileSource* files_;
  CoreMemory memory_;
  std::vector<ThreadView> threads_;
  std::vector<std::unique_ptr<ModuleView>> modules_;
  std::vector<Loaded> loaded_;  ///< by module
  std::uint64_t missing_ = 0;
};

}  // namespace nines::trace
