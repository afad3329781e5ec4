#include "app/crash/runtime_facts.h"

#include <algorithm>
#include <string_view>

#include "app/crash/cxx_exception.h"
#include "elf/symbols.h"

namespace nines::crash {
namespace {

constexpr std::size_t kMaxMessage = 2048;
constexpr std::size_t kMaxTypeName = 4096;
constexpr std::uint64_t kWord = 8;
constexpr std::uint64_t kMaxWords = 4096;
constexpr int kMaxBases = 32;

std::optional<std::string> printable_message(std::optional<std::string> text) {
  if (!text || text->empty()) return std::nullopt;
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return text;
}

std::optional<std::string> type_name(const elf::Memory& memory, std::uint64_t type) {
  const auto name_at = memory.get<std::uint64_t>(type + cxx::kNameInType);
  auto name = name_at ? memory.text(*name_at, kMaxTypeName) : std::nullopt;
  if (!name || name->empty()) return std::nullopt;
  if (name->front() == '*') name->erase(0, 1);  // compared by address; libstdc++, typeinfo
  return name;
}

bool has_text(const elf::Memory& memory, std::uint64_t type) {
  for (int i = 0; i < kMaxBases; ++i) {
    const auto name = type_name(memory, type);
    if (!name) return false;
    if (*name == "St11logic_error" || *name == "St13runtime_error") return true;
    const auto base = memory.get<std::uint64_t>(type + cxx::kBaseInType);
    if (!base) return false;
    type = *base;
  }
  return false;
}

std::optional<CxxException> exception_at(const elf::Memory& memory, std::uint64_t header) {
  const auto its_class = memory.get<std::uint64_t>(header);
  if (!its_class || (*its_class & cxx::kClassMask) != cxx::kClass) return std::nullopt;
  const auto type = memory.get<std::uint64_t>(header - cxx::kTypeBeforeHeader);
  const auto name = type ? type_name(memory, *type) : std::nullopt;
  if (!name) return std::nullopt;
  CxxException found;
  found.type = elf::demangle_type(*name);
  if (has_text(memory, *type)) {
    const auto text = memory.get<std::uint64_t>(header + cxx::kHeaderSize + cxx::kTextInError);
    if (text) found.what = printable_message(memory.text(*text, kMaxMessage));
  }
  return found;
}

bool is_cxx_runtime(const trace::Frame& frame, const std::string& function) {
  if (function == "__cxa_throw" || function == "__cxa_rethrow" || function == "std::terminate()") {
    return true;  // in a program that the library was linked into
  }
  if (frame.module == nullptr) return false;
  const std::string name = frame.module->name();
  return name.starts_with("libstdc++.so") || name.starts_with("libc++");
}

}  // namespace

std::optional<std::string> abort_message(trace::CoreView& core, trace::DebugFiles& debug) {
  for (const auto& module : core.modules()) {
    // In the C library, or in a program that it was linked into.
    const bool likely = module->name().starts_with("libc.so") ||
                        module->name().starts_with("libc-2.") || module == core.modules().front();
    if (!likely || core.module_at(module->start) == nullptr) continue;
    const auto pointer = debug.address_of(*module, "__abort_msg");
    const auto message = pointer ? core.memory().get<std::uint64_t>(*pointer) : std::nullopt;
    if (!message || *message == 0) continue;
    // struct abort_msg_s: its size in 32 bits, then the text.
    auto text = printable_message(core.memory().text(*message + 4, kMaxMessage));
    if (text) return text;
  }
  return std::nullopt;
}

std::optional<CxxException> uncaught_exception(trace::CoreView& core, const trace::Stack& stack,
                                               const std::vector<std::string>& functions) {
  std::size_t last = stack.frames.size();
  for (std::size_t i = 0; i < stack.frames.size(); ++i) {
    const std::string none;
    if (is_cxx_runtime(stack.frames[i], i < functions.size() ? functions[i] : none)) last = i;
  }
  if (last == stack.frames.size()) return std::nullopt;
  const elf::Memory& memory = core.memory();
  for (std::size_t i = 0; i <= last; ++i) {
    const elf::RegisterSet& registers = stack.frames[i].registers;
    for (std::size_t number = 0; number < elf::kMaxRegisters; ++number) {
      const auto value = registers.get(number);
      if (!value) continue;
      if (auto found = exception_at(memory, *value)) return found;
    }
  }
  const trace::Frame& innermost = stack.frames.front();
  const auto sp = innermost.registers.get(core.machine() == elf::Machine::kX86_64 ? 7 : 31);
  const std::uint64_t end = stack.frames[last].cfa;
  for (std::uint64_t at = sp.value_or(end), i = 0; at < end && i < kMaxWords; at += kWord, ++i) {
    const auto word = memory.get<std::uint64_t>(at);
    if (!word) continue;
    if (auto found = exception_at(memory, *word)) return found;
  }
  return std::nullopt;
}

}  // namespace nines::crash
