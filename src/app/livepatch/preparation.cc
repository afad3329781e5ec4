#include "app/livepatch/preparation.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/livepatch/module_symbols.h"

namespace nines::livepatch {
namespace {

constexpr std::string_view kEndbr64{"\xf3\x0f\x1e\xfa", 4};
constexpr std::uint64_t kPage = 4096;

std::uint64_t number(trace::RemoteAddress address) {
  return static_cast<std::uint64_t>(address);
}

Result<std::unique_ptr<elf::Object>> parse(const std::string& bytes, const std::string& name) {
  auto object = elf::Object::parse(bytes);
  if (!object) return std::move(object.error()).in(name);
  return std::make_unique<elf::Object>(std::move(*object));
}

/// As it was before a patch wrote to it.
void undo(const PatchedFunction& function, std::vector<RunningText>& text) {
  for (RunningText& range : text) {
    if (function.entry < range.address) continue;
    const std::uint64_t at = function.entry - range.address;
    if (at > range.bytes.size() || range.bytes.size() - at < kJumpSize) continue;
    if (range.bytes.compare(at, kJumpSize, function.jump()) != 0) continue;
    range.bytes.replace(at, kJumpSize, function.before);
  }
}

}  // namespace

Result<std::unique_ptr<Preparation>> Preparation::prepare(
    trace::LiveView& process, const std::string& module, const PatchInput& input,
    const std::vector<PatchMapping>& patches) {
  std::unique_ptr<Preparation> made(new Preparation(process));
  NINES_TRY(made->read_module(module, patches));
  for (const ObjectInput& object : input.objects) {
    NINES_TRY(made->add_object(object).in(object.name));
  }
  for (std::size_t i = 0; i < made->units_.size(); ++i) {
    NINES_TRY(made->add_entries(made->units_[i], *made->objects_[i]));
    for (const auto& [section, name] : made->units_[i].diff.replaced) {
      made->replacements_.emplace_back(i, section);
    }
  }
  if (made->registry_.functions.empty()) {
    return Error(ErrorCode::kInvalidArgument, "prepare patch", input.name)
        .with_detail("no function changes");
  }
  made->registry_.name = input.name;
  // Code of earlier patches is left as the first code is.
  for (const PatchMapping& patch : patches) {
    made->retired_.push_back({"patch " + patch.registry.name, patch.start, patch.end});
  }
  made->image_ =
      std::make_unique<PatchImage>(made->units_, encode_registry(made->registry_).size());
  return made;
}

Status Preparation::read_module(const std::string& path, const std::vector<PatchMapping>& patches) {
  const trace::ModuleView* module = nullptr;
  for (const auto& one : process_.modules()) {
    if (one->path == path) module = process_.module_at(one->start);
  }
  if (module == nullptr) {
    return Error(ErrorCode::kInvalidArgument, "find module", path)
        .with_detail("the process has it not mapped");
  }
  module_start_ = module->start;
  module_end_ = module->end;
  known_ = known_symbols(*module);
  for (const trace::Mapping& mapping : process_.mappings()) {
    const std::uint64_t start = number(mapping.start), end = number(mapping.end);
    if (!mapping.executable || start < module->start || end > module->end) continue;
    RunningText text{start, std::string(end - start, '\0')};
    if (!process_.memory().read(start, text.bytes.data(), text.bytes.size())) {
      return Error(ErrorCode::kIo, "read code of", path);
    }
    text_.push_back(std::move(text));
  }
  // Only the last one over a function is undone at first; which that is, their order does not say.
  for (std::size_t round = 0; round < patches.size(); ++round) {
    for (const PatchMapping& patch : patches) {
      for (const PatchedFunction& function : patch.registry.functions) undo(function, text_);
    }
  }
  return {};
}

Status Preparation::add_object(const ObjectInput& input) {
  auto unit = std::make_unique<Unit>();
  NINES_ASSIGN(unit->original, parse(input.original, "original"));
  NINES_ASSIGN(unit->patched, parse(input.patched, "patched"));
  NINES_ASSIGN(ObjectDiff diff, diff_objects(*unit->original, *unit->patched, input.only));
  if (diff.replaced.empty()) return {};
  for (const std::size_t section : diff.included) {
    if (unit->patched->sections()[section].alignment <= kPage) continue;
    return Error(ErrorCode::kUnsupported, "place section", unit->patched->sections()[section].name)
        .with_detail("it is aligned to more than a page");
  }
  NINES_ASSIGN(unit->pre, parse(input.pre, "pre"));
  NINES_ASSIGN(unit->matched, match_running(*unit->pre, text_, known_, process_.memory()));
  const Unit* objects = unit.get();
  units_.push_back({objects->patched.get(), std::move(diff), {}});
  objects_.push_back(std::move(unit));
  const std::size_t index = units_.size() - 1;
  units_.back().resolve = [this, objects, index](Use use, const elf::ObjectSymbol& symbol) {
    return resolve(*objects, units_[index].diff, use, symbol);
  };
  return {};
}

Status Preparation::add_entries(const PatchUnit& unit, const Unit& objects) {
  // Other objects may have static functions of the same name.
  const auto first = static_cast<std::ptrdiff_t>(retired_.size());
  for (const std::string& name : unit.diff.retired) {
    const elf::ObjectSymbol* symbol = objects.pre->find(name);
    const auto address = symbol == nullptr || !symbol->in_section()
                             ? std::nullopt
                             : objects.matched.section(symbol->index);
    if (!address) {
      return Error(ErrorCode::kNotFound, "find function", name)
          .with_detail("its code does not run as it was compiled, or there is more than one of it");
    }
    const std::uint64_t start = *address + symbol->value;
    retired_.push_back({name, start, start + std::max<std::uint64_t>(symbol->size, 1)});
  }
  for (const auto& [section, name] : unit.diff.replaced) {
    const auto range =
        std::find_if(retired_.begin() + first, retired_.end(),
                     [&, wanted = name](const CodeRange& r) { return r.name == wanted; });
    PatchedFunction function{name, range->start, 0, std::string(kJumpSize, '\0')};
    std::string begin(kEndbr64.size(), '\0');
    if (process_.memory().read(range->start, begin.data(), begin.size()) && begin == kEndbr64) {
      function.entry += kEndbr64.size();
    }
    if (function.entry + kJumpSize > range->end) {
      return Error(ErrorCode::kUnsupported, "patch function", name)
          .with_detail("it is shorter than a jump");
    }
    if (!process_.memory().read(function.entry, function.before.data(), kJumpSize)) {
      return Error(ErrorCode::kIo, "read function", name);
    }
    registry_.functions.push_back(std::move(function));
  }
  return {};
}

Result<std::uint64_t> Preparation::resolve(const Unit& unit, const ObjectDiff& diff, Use use,
                                           const elf::ObjectSymbol& symbol) {
  const elf::Memory& memory = process_.memory();
  const elf::ObjectSymbol* named = &symbol;
  if (symbol.type == STT_SECTION) named = unit.patched->symbol_at(symbol.index, 0);
  if (named == nullptr) {
    return Error(ErrorCode::kUnsupported, "resolve", unit.patched->sections()[symbol.index].name)
        .with_detail("a constant without a name that was to stay");
  }
  const auto renamed = diff.renamed.find(named->name);
  const std::string& name = renamed == diff.renamed.end() ? named->name : renamed->second;
  if (use == Use::kThread || use == Use::kThreadSlot) {
    if (const auto offset = unit.matched.thread_offset(name, memory)) return *offset;
    return Error(ErrorCode::kNotFound, "resolve thread-local variable", name)
        .with_detail("no running code of this object uses it");
  }
  // A section's own symbol is its begin, where its variable or function is.
  const auto found = use == Use::kCall ? unit.matched.call_target(name, memory)
                                       : unit.matched.address_of(name, memory);
  if (found) return *found - (named == &symbol ? 0 : named->value);
  if (named->binding != STB_LOCAL) {
    if (const auto known = known_.find(name); known != known_.end()) return known->second;
    auto exported = exported_address(process_, name);
    if (!exported && named->binding == STB_WEAK && !named->in_section()) return std::uint64_t{0};
    return exported;
  }
  return Error(ErrorCode::kNotFound, "resolve", name)
      .with_detail("no running code tells where it is");
}

Result<std::string> Preparation::link_at(std::uint64_t start) {
  for (std::size_t i = 0; i < registry_.functions.size(); ++i) {
    registry_.functions[i].replacement =
        start + image_->offset_of(replacements_[i].first, replacements_[i].second);
  }
  return image_->link(start, registry_);
}

}  // namespace nines::livepatch
