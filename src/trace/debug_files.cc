#include "trace/debug_files.h"

namespace nines::trace {
namespace {

bool has_debug_info(const elf::Image& image) {
  return image.has_section(".debug_info") || image.has_section(".zdebug_info");
}

}  // namespace

const elf::FrameRules* DebugFiles::rules_at(ModuleView& module, std::uint64_t address) {
  if (!module.image) return nullptr;
  Of& of = known_[&module];
  if (!of.frames) of.frames = std::make_unique<elf::CallFrames>(module.image->elf());
  const std::uint64_t in_file = address - module.bias;
  const elf::FrameRules* rules = of.frames->at(in_file);
  if (rules != nullptr || of.debug_frame_tried) return rules;
  // Go, and C without unwind tables: only the debug information tells.
  of.debug_frame_tried = true;
  elf::DebugInfo* info = debug_info(module);
  if (info == nullptr) return nullptr;
  of.frames->add(info->dwarf());
  return of.frames->at(in_file);
}

const elf::Image* DebugFiles::separate(ModuleView& module, Of& of) {
  if (of.separate_tried) return of.separate;
  of.separate_tried = true;
  const OpenFile* file = files_->given(module.build_id, ".debug_info");
  if (file == nullptr) file = files_->by_build_id(module.build_id);
  if (file == nullptr && module.image) {
    if (const auto link = module.image->debug_link()) file = files_->by_link(module.path, *link);
  }
  if (file != nullptr) of.separate = &file->image;
  return of.separate;
}

elf::DebugInfo* DebugFiles::debug_info(ModuleView& module) {
  if (!with_debug_info_ || !module.image) return nullptr;
  Of& of = known_[&module];
  if (of.info_tried) return of.info.get();
  of.info_tried = true;
  const elf::Image* image = module.image;
  if (!has_debug_info(*image)) {
    if (const elf::Image* other = separate(module, of)) image = other;
  }
  const elf::Image* alternative = nullptr;
  if (const auto link = image->debug_alternative()) {
    if (const OpenFile* file = files_->by_build_id(link->build_id)) alternative = &file->image;
  }
  if (auto info = elf::DebugInfo::open(*image, alternative)) of.info = std::move(*info);
  return of.info.get();
}

std::map<std::uint64_t, elf::Symbol> DebugFiles::symbols(
    ModuleView& module, const std::vector<std::uint64_t>& addresses) {
  if (!module.image) return {};
  Of& of = known_[&module];
  auto found = elf::find_symbols(*module.image, addresses);
  if (module.image->has_section(".symtab")) return found;
  const auto add = [&](const elf::Image& image) {
    // The full table knows functions that the exported one has only gaps for.
    for (auto& [address, symbol] : elf::find_symbols(image, addresses)) {
      found.insert_or_assign(address, std::move(symbol));
    }
  };
  if (const elf::Image* other = separate(module, of)) {
    add(*other);
    return found;
  }
  if (of.mini_bytes.empty() && !of.mini) {
    of.mini_bytes = elf::mini_debug_info(*module.image);
    auto image = elf::Image::open(of.mini_bytes);
    if (image) of.mini = std::make_unique<elf::Image>(std::move(*image));
  }
  if (of.mini) {
    // It leaves out what the exported table has.
    for (auto& [address, symbol] : elf::find_symbols(*of.mini, addresses)) {
      const auto known = found.find(address);
      if (known == found.end() || known->second.size == 0) {
        found.insert_or_assign(address, std::move(symbol));
      }
    }
  }
  return found;
}

std::optional<std::uint64_t> DebugFiles::address_of(ModuleView& module, std::string_view name) {
  if (!module.image) return std::nullopt;
  const auto address = elf::find_address(*module.image, name);
  if (!address) return std::nullopt;
  return *address + module.bias;
}

}  // namespace nines::trace
