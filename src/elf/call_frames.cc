#include "elf/call_frames.h"

#include <cstdlib>

namespace nines::elf {
namespace {

using FramePointer = std::unique_ptr<Dwarf_Frame, void (*)(void*)>;

FramePointer frame_at(Dwarf_CFI* cfi, std::uint64_t address) {
  Dwarf_Frame* frame = nullptr;
  if (cfi != nullptr && dwarf_cfi_addrframe(cfi, address, &frame) != 0) frame = nullptr;
  return {frame, std::free};
}

FrameRules::Register register_rule(Dwarf_Frame* frame, int number) {
  Dwarf_Op memory[3];
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_register(frame, number, memory, &operations, &count) != 0) return {};
  if (count != 0) {
    return {FrameRules::Register::Kind::kExpression, {operations, operations + count}};
  }
  return {operations == nullptr ? FrameRules::Register::Kind::kSame
                                : FrameRules::Register::Kind::kUndefined,
          {}};
}

std::unique_ptr<FrameRules> rules_of(Dwarf_Frame* frame) {
  auto rules = std::make_unique<FrameRules>();
  const int return_address = dwarf_frame_info(frame, nullptr, nullptr, &rules->signal);
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  if (return_address < 0 || return_address >= static_cast<int>(kMaxRegisters) ||
      dwarf_frame_cfa(frame, &operations, &count) != 0 || count == 0) {
    return nullptr;
  }
  rules->return_address = static_cast<std::size_t>(return_address);
  rules->cfa.assign(operations, operations + count);
  for (std::size_t i = 0; i < kMaxRegisters; ++i) {
    rules->registers[i] = register_rule(frame, static_cast<int>(i));
  }
  return rules;
}

}  // namespace

CallFrames::CallFrames(Elf* elf) : eh_frame_(dwarf_getcfi_elf(elf)) {}

CallFrames::~CallFrames() {
  if (eh_frame_ != nullptr) dwarf_cfi_end(eh_frame_);
}

void CallFrames::add(Dwarf* debug) {
  debug_frame_ = dwarf_getcfi(debug);
  known_.clear();
}

const FrameRules* CallFrames::at(std::uint64_t address) {
  const auto [entry, added] = known_.try_emplace(address);
  if (!added) return entry->second.get();
  for (Dwarf_CFI* cfi : {eh_frame_, debug_frame_}) {
    const FramePointer frame = frame_at(cfi, address);
    if (frame) entry->second = rules_of(frame.get());
    if (entry->second) break;
  }
  return entry->second.get();
}

std::optional<CallerFrame> caller_of(const FrameRules& rules, const RegisterSet& registers,
                                     const Memory& memory, std::uint64_t bias) {
  using Kind = FrameRules::Register::Kind;
  ExpressionContext context{registers, memory, bias, {}, {}};
  const auto cfa = evaluate(rules.cfa, context);
  if (!cfa || cfa->kind == ExpressionResult::Kind::kRegister) return std::nullopt;
  context.cfa = cfa->number;
  CallerFrame caller;
  caller.cfa = cfa->number;
  for (std::size_t i = 0; i < kMaxRegisters; ++i) {
    const FrameRules::Register& rule = rules.registers[i];
    std::optional<std::uint64_t> value;
    if (rule.kind == Kind::kSame) {
      value = registers.get(i);
    } else if (rule.kind == Kind::kExpression) {
      if (const auto place = evaluate(rule.expression, context)) {
        switch (place->kind) {
          case ExpressionResult::Kind::kValue: value = place->number; break;
          case ExpressionResult::Kind::kRegister: value = registers.get(place->number); break;
          case ExpressionResult::Kind::kAddress:
            value = memory.get<std::uint64_t>(place->number);
            break;
        }
      }
    }
    if (value) caller.registers.set(i, *value);
  }
  const Kind kind = rules.registers[rules.return_address].kind;
  if (kind == Kind::kUndefined) return caller;
  caller.pc = caller.registers.get(rules.return_address);
  if (!caller.pc) return std::nullopt;
  return caller;
}

}  // namespace nines::elf
