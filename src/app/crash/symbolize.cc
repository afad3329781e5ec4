#include "app/crash/symbolize.h"

#include <set>

#include "elf/symbols.h"

namespace nines::crash {
namespace {

std::uint64_t in_file(const trace::Frame& frame) {
  return frame.inside() - frame.module->bias;
}

bool is_whole_mangled_name(const std::string& name) {
  return name.starts_with("_Z") && name.find('.') == std::string::npos;
}

/// What the symbol table calls a C++ function has all of its scopes; what the debug information
/// calls a part of a function that was split up is its real name.
std::string best_name(const elf::Symbol* symbol, const std::string& in_debug_info) {
  if (symbol != nullptr && is_whole_mangled_name(symbol->name)) {
    return elf::demangle(symbol->name);
  }
  if (!in_debug_info.empty() || symbol == nullptr) return in_debug_info;
  return elf::demangle(symbol->name);
}

}  // namespace

std::string to_string(trace::Trust trust) {
  switch (trust) {
    case trace::Trust::kContext: return "context";
    case trace::Trust::kCallFrameInfo: return "cfi";
    case trace::Trust::kCalled: return "called";
    case trace::Trust::kFramePointer: return "frame-pointer";
    case trace::Trust::kScan: return "scan";
  }
  return "scan";
}

void Symbolizer::prepare(const std::vector<const trace::Stack*>& stacks) {
  std::map<trace::ModuleView*, std::set<std::uint64_t>> wanted;
  for (const trace::Stack* stack : stacks) {
    for (const trace::Frame& frame : stack->frames) {
      if (frame.module == nullptr) continue;
      const std::uint64_t address = in_file(frame);
      if (!symbols_.contains({frame.module, address})) wanted[frame.module].insert(address);
    }
  }
  for (const auto& [module, addresses] : wanted) {
    for (auto& [address, symbol] :
         debug_->symbols(*module, std::vector(addresses.begin(), addresses.end()))) {
      symbols_.insert_or_assign(Place{module, address}, std::move(symbol));
    }
  }
}

std::vector<elf::SourceFrame> Symbolizer::source_of(const trace::Frame& frame,
                                                    const elf::Memory* memory) {
  const std::uint64_t address = in_file(frame);
  elf::DebugInfo* info = debug_->debug_info(*frame.module);
  if (info == nullptr) return {};
  if (memory != nullptr) {
    elf::ExpressionContext state{frame.registers, *memory, frame.module->bias, {}, {}};
    if (frame.cfa != 0) state.cfa = frame.cfa;
    return info->at(address, &state);
  }
  const auto [entry, added] = sources_.try_emplace(Place{frame.module, address});
  if (added) entry->second = info->at(address, nullptr);
  return entry->second;
}

std::vector<DiagnosedFrame> Symbolizer::describe(const trace::Frame& frame,
                                                 const elf::Memory* memory) {
  DiagnosedFrame base;
  base.pc = frame.pc;
  base.signal = frame.signal;
  base.trust = to_string(frame.trust);
  if (frame.module == nullptr) return {base};
  base.module = frame.module->path;
  base.build_id = frame.module->build_id;
  base.offset = frame.pc - frame.module->bias;
  const auto found = symbols_.find({frame.module, in_file(frame)});
  const elf::Symbol* symbol = found == symbols_.end() ? nullptr : &found->second;
  if (symbol != nullptr) base.function_offset = base.offset - symbol->address;

  std::vector<DiagnosedFrame> frames;
  for (elf::SourceFrame& source : source_of(frame, memory)) {
    DiagnosedFrame one = base;
    one.inlined = source.inlined;
    one.function = source.inlined ? source.function : best_name(symbol, source.function);
    one.file = std::move(source.file);
    one.line = source.line;
    for (elf::Argument& argument : source.arguments) {
      one.arguments.emplace_back(std::move(argument.name), std::move(argument.value));
    }
    if (one.inlined) one.function_offset = 0;
    frames.push_back(std::move(one));
  }
  if (frames.empty()) {
    base.function = best_name(symbol, {});
    frames.push_back(std::move(base));
  }
  return frames;
}

}  // namespace nines::crash
