#include "trace/core_view.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "elf/byte_reader.h"
#include "sys/own_program.h"

namespace nines::trace {
namespace {

constexpr std::size_t kMaxModules = 4096;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMaxVdso = 1 << 20;
constexpr std::string_view kVdso = "[vdso]";
#if defined(__x86_64__)
constexpr elf::Machine kOurs = elf::Machine::kX86_64;
#elif defined(__aarch64__)
constexpr elf::Machine kOurs = elf::Machine::kAArch64;
#endif

std::optional<elf::Program> program_in_memory(const elf::Memory& memory, std::uint64_t start) {
  std::string page(kPage, '\0');
  if (!memory.read(start, page.data(), page.size())) return std::nullopt;
  auto program = elf::parse_program(page);
  if (!program) return std::nullopt;
  return std::move(*program);
}

bool same_headers(const elf::Program& one, const elf::Program& other) {
  return std::memcmp(&one.header, &other.header, sizeof one.header) == 0 &&
         one.segments.size() == other.segments.size() &&
         (one.segments.empty() || std::memcmp(one.segments.data(), other.segments.data(),
                                              one.segments.size() * sizeof(Elf64_Phdr)) == 0);
}

}  // namespace

Result<std::unique_ptr<CoreView>> CoreView::open(std::string_view core, FileSource* files) {
  NINES_ASSIGN(elf::CoreHead head, elf::parse_core_head(core));
  if (head.machine != kOurs) {
    return Error(ErrorCode::kUnsupported, "read core").with_detail("of another kind of machine");
  }
  return std::unique_ptr<CoreView>(new CoreView(std::move(head), core, files));
}

CoreView::CoreView(elf::CoreHead head, std::string_view core, FileSource* files)
    : head_(std::move(head)), core_(core), files_(files), memory_(this) {
  for (const elf::CoreThread& thread : head_.threads) {
    ThreadView view{thread.tid, {}, thread.pc, thread.sp};
    for (std::size_t i = 0; i < thread.dwarf_registers.size() && i < elf::kMaxRegisters; ++i) {
      view.registers.set(i, thread.dwarf_registers[i]);
    }
    threads_.push_back(view);
  }
  for (const elf::CoreSegment& segment : head_.segments) {
    const std::uint64_t end = segment.offset + segment.file_size;
    if (end > core_.size()) missing_ += std::min(end - core_.size(), segment.file_size);
  }
  find_modules();
}

void CoreView::find_modules() {
  const auto executable = [this](const elf::MappedFile& file) {
    const elf::CoreSegment* segment = head_.segment_at(file.start);
    return segment != nullptr && segment->executable;
  };
  for (std::size_t i = 0; i < head_.files.size() && modules_.size() < kMaxModules;) {
    const elf::MappedFile& first = head_.files[i];
    bool code = executable(first);
    std::uint64_t end = first.end;
    // A mapping of the beginning starts a second copy of the same file.
    for (++i;
         i < head_.files.size() && head_.files[i].path == first.path && head_.files[i].offset != 0;
         ++i) {
      code = code || executable(head_.files[i]);
      end = head_.files[i].end;
    }
    if (!code) continue;
    auto module = std::make_unique<ModuleView>();
    module->path = first.path;
    module->start = first.start;
    module->end = end;
    modules_.push_back(std::move(module));
  }
  if (const auto vdso = head_.aux(AT_SYSINFO_EHDR)) {
    if (const elf::CoreSegment* segment = head_.segment_at(*vdso)) {
      auto module = std::make_unique<ModuleView>();
      module->path = kVdso;
      module->start = *vdso;
      module->end = segment->address + segment->memory_size;
      modules_.push_back(std::move(module));
    }
  }
  std::sort(modules_.begin(), modules_.end(),
            [](const auto& a, const auto& b) { return a->start < b->start; });
  loaded_.resize(modules_.size());
}

ModuleView* CoreView::module_at(std::uint64_t address) {
  auto after = std::upper_bound(modules_.begin(), modules_.end(), address,
                                [](std::uint64_t a, const auto& m) { return a < m->start; });
  if (after == modules_.begin()) return nullptr;
  ModuleView* module = (--after)->get();
  if (!module->contains(address)) return nullptr;
  load(module);
  return module;
}

std::size_t CoreView::index_of(const ModuleView& module) const {
  const auto at = std::lower_bound(modules_.begin(), modules_.end(), module.start,
                                   [](const auto& m, std::uint64_t a) { return m->start < a; });
  return static_cast<std::size_t>(at - modules_.begin());
}

void CoreView::load(ModuleView* module) {
  Loaded& state = loaded_[index_of(*module)];
  if (state.tried) return;
  state.tried = true;
  const auto in_memory = program_in_memory(memory_, module->start);
  module->bias = module->start;
  if (in_memory) {
    module->bias = module->start - in_memory->first_address();
    module->build_id = elf::build_id_in_memory(*in_memory, memory_, module->start);
  }
  if (module->path != kVdso) load_file(module, in_memory ? &*in_memory : nullptr);
  if (module->image != nullptr || !in_memory) return;
  if (module->path == kVdso && module->end - module->start <= kMaxVdso) {
    // All of the file is mapped, its section headers too.
    module->memory_bytes.resize(module->end - module->start);
    if (!memory_.read(module->start, module->memory_bytes.data(), module->memory_bytes.size())) {
      module->memory_bytes.clear();
    }
  } else {
    module->memory_bytes = elf::file_from_memory(*in_memory, memory_, module->start);
  }
  if (module->memory_bytes.empty()) return;
  auto image = elf::Image::open(module->memory_bytes);
  if (!image) return;
  module->match = Match::kMemory;
  module->memory_image = std::make_unique<elf::Image>(std::move(*image));
  module->image = module->memory_image.get();
}

void CoreView::load_file(ModuleView* module, const elf::Program* in_memory) {
  const std::string path = sys::without_deleted_mark(module->path);
  const OpenFile* file = files_->given(module->build_id, ".dynamic");
  if (file == nullptr) file = files_->given(module->build_id, ".text");
  if (file == nullptr) file = files_->mapped(path);
  if (file == nullptr) return;
  const elf::Program& program = file->image.program();
  module->match = Match::kUnverified;
  if (!module->build_id.empty()) {
    module->match = file->image.build_id() == module->build_id ? Match::kVerified : Match::kDiffers;
  } else if (in_memory != nullptr && !same_headers(*in_memory, program)) {
    module->match = Match::kDiffers;
  }
  if (module->match == Match::kDiffers) return;
  module->image = &file->image;
  if (module->build_id.empty()) module->build_id = file->image.build_id();
  module->bias = module->start - program.first_address();
  loaded_[index_of(*module)].file = file;
}

bool CoreView::is_code(std::uint64_t address) const {
  const elf::CoreSegment* segment = head_.segment_at(address);
  return segment != nullptr && segment->executable;
}

const OpenFile* CoreView::content_of(const elf::MappedFile& mapping) {
  const ModuleView* module = module_at(mapping.start);
  if (module == nullptr || module->path != mapping.path) return nullptr;
  return loaded_[index_of(*module)].file;
}

bool CoreView::CoreMemory::read(std::uint64_t address, void* into, std::size_t size) const {
  auto* to = static_cast<char*>(into);
  while (size > 0) {
    const std::size_t done = read_some(address, to, size);
    if (done == 0) return false;
    address += done;
    to += done;
    size -= done;
  }
  return true;
}

std::size_t CoreView::CoreMemory::read_some(std::uint64_t address, char* into,
                                            std::size_t size) const {
  const bool near = last_ != nullptr && address >= last_->address &&
                    address - last_->address < last_->memory_size;
  const elf::CoreSegment* segment = near ? last_ : view_->head_.segment_at(address);
  if (segment == nullptr) return 0;
  last_ = segment;
  const std::uint64_t in_segment = address - segment->address;
  if (in_segment < segment->file_size) {
    const std::size_t part = std::min<std::uint64_t>(size, segment->file_size - in_segment);
    const auto bytes = elf::slice(view_->core_, segment->offset + in_segment, part);
    if (!bytes) return 0;
    std::memcpy(into, bytes->data(), part);
    return part;
  }
  // What was written to is only in the core.
  if (segment->writable) return 0;
  const elf::MappedFile* mapping = view_->head_.file_at(address);
  const OpenFile* file = mapping == nullptr ? nullptr : view_->content_of(*mapping);
  if (file == nullptr) return 0;
  const std::size_t part =
      std::min<std::uint64_t>({size, mapping->end - address, segment->memory_size - in_segment});
  const auto bytes =
      elf::slice(file->content.bytes(), mapping->offset + (address - mapping->start), part);
  if (!bytes) return 0;
  std::memcpy(into, bytes->data(), part);
  return part;
}

}  // namespace nines::trace
