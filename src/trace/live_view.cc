#include "trace/live_view.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "sys/file.h"
#include "sys/own_program.h"
#include "trace/snapshot.h"

namespace nines::trace {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMostMemoryImage = 64 << 20;
constexpr std::string_view kVdso = "[vdso]";

std::uint64_t number(RemoteAddress address) {
  return static_cast<std::uint64_t>(address);
}

std::optional<elf::Program> program_at(const elf::Memory& memory, std::uint64_t start) {
  std::string page(kPage, '\0');
  if (!memory.read(start, page.data(), page.size())) return std::nullopt;
  auto program = elf::parse_program(page);
  if (!program) return std::nullopt;
  return std::move(*program);
}

}  // namespace

Result<std::unique_ptr<LiveView>> LiveView::open(const ProcessId& process) {
  NINES_ASSIGN(LiveMemory memory, LiveMemory::open(process));
  std::unique_ptr<LiveView> view(new LiveView(process, std::move(memory)));
  NINES_TRY(view->refresh());
  return view;
}

elf::Machine LiveView::machine() const {
#if defined(__x86_64__)
  return elf::Machine::kX86_64;
#else
  return elf::Machine::kAArch64;
#endif
}

Status LiveView::refresh() {
  NINES_ASSIGN(const std::string maps, sys::read_file(fmt::format("/proc/{}/maps", process_.pid)));
  mappings_.clear();
  for (std::size_t at = 0; at < maps.size();) {
    const std::size_t end = std::min(maps.find('\n', at), maps.size());
    if (auto mapping = parse_mapping(std::string_view(maps).substr(at, end - at))) {
      mappings_.push_back(std::move(*mapping));
    }
    at = end + 1;
  }
  find_modules();
  return {};
}

void LiveView::find_modules() {
  std::vector<std::unique_ptr<ModuleView>> before = std::move(modules_);
  modules_.clear();
  for (std::size_t i = 0; i < mappings_.size();) {
    const Mapping& first = mappings_[i];
    bool code = first.executable;
    std::uint64_t end = number(first.end);
    std::size_t next = i + 1;
    const bool file = first.inode != 0;
    while (file && next < mappings_.size() && mappings_[next].inode == first.inode &&
           mappings_[next].path == first.path && mappings_[next].offset != 0) {
      code = code || mappings_[next].executable;
      end = number(mappings_[next++].end);
    }
    i = next;
    if (!code || (!file && first.path != kVdso)) continue;
    const auto same = std::find_if(before.begin(), before.end(), [&](const auto& module) {
      return module && module->start == number(first.start) && module->end == end &&
             module->path == first.path;
    });
    if (same != before.end()) {
      modules_.push_back(std::move(*same));
      continue;
    }
    auto module = std::make_unique<ModuleView>();
    module->path = first.path;
    module->start = number(first.start);
    module->end = end;
    modules_.push_back(std::move(module));
  }
  for (auto& module : before) {
    if (module) retired_.push_back(std::move(module));
  }
}

void LiveView::load_all() {
  for (auto& module : modules_) load(module.get());
}

void LiveView::load(ModuleView* module) {
  if (module->image != nullptr) return;
  const auto program = program_at(memory_, module->start);
  if (!program) return;
  module->bias = module->start - program->first_address();
  module->build_id = elf::build_id_in_memory(*program, memory_, module->start);
  if (module->path == kVdso || !load_file(module)) load_memory(module);
}

bool LiveView::load_file(ModuleView* module) {
  const auto mapping = std::find_if(mappings_.begin(), mappings_.end(), [&](const Mapping& one) {
    return number(one.start) == module->start;
  });
  if (mapping == mappings_.end()) return false;
  const UniqueFd fd = open_mapped(process_.pid, *mapping);
  auto file = std::make_unique<File>();
  file->content = MappedBytes(fd.get());
  auto image = elf::Image::open(file->content.bytes());
  if (!image || image->build_id() != module->build_id) return false;
  file->image = std::make_unique<elf::Image>(std::move(*image));
  module->image = file->image.get();
  module->match = module->build_id.empty() ? Match::kUnverified : Match::kVerified;
  files_.push_back(std::move(file));
  return true;
}

void LiveView::load_memory(ModuleView* module) {
  const std::uint64_t size = module->end - module->start;
  if (size > kMostMemoryImage) return;
  module->memory_bytes.resize(size);
  if (!memory_.read(module->start, module->memory_bytes.data(), size)) return;
  auto image = elf::Image::open(module->memory_bytes);
  if (!image) return;
  module->match = Match::kMemory;
  module->memory_image = std::make_unique<elf::Image>(std::move(*image));
  module->image = module->memory_image.get();
}

Status LiveView::look_at_threads(const std::vector<pid_t>& threads) {
  threads_.clear();
  for (const pid_t tid : threads) {
    const auto registers = read_registers(tid);
    if (!registers) {
      return Error(ErrorCode::kGone, "read registers of thread", std::to_string(tid));
    }
    ThreadView view{tid, {}, number(registers->pc), number(registers->sp)};
    static_assert(std::tuple_size_v<decltype(registers->dwarf)> <= elf::kMaxRegisters);
    for (std::size_t i = 0; i < registers->dwarf.size(); ++i) {
      view.registers.set(i, registers->dwarf[i]);
    }
    threads_.push_back(view);
  }
  return {};
}

ModuleView* LiveView::module_at(std::uint64_t address) {
  const auto after = std::upper_bound(modules_.begin(), modules_.end(), address,
                                      [](std::uint64_t a, const auto& m) { return a < m->start; });
  if (after == modules_.begin()) return nullptr;
  ModuleView* module = std::prev(after)->get();
  if (!module->contains(address)) return nullptr;
  load(module);
  return module;
}

bool LiveView::is_code(std::uint64_t address) const {
  const auto after = std::upper_bound(
      mappings_.begin(), mappings_.end(), address,
      [](std::uint64_t a, const Mapping& mapping) { return a < number(mapping.start); });
  if (after == mappings_.begin()) return false;
  const Mapping& mapping = *std::prev(after);
  return address < number(mapping.end) && mapping.executable;
}

}  // namespace nines::trace
