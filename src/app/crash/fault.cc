#include "app/crash/fault.h"

#include <array>
#include <csignal>
#include <string_view>

namespace nines::crash {
namespace {

constexpr std::size_t kLongestInstruction = 15;   // Intel SDM volume 2, 2.3.11
constexpr std::uint64_t kInfoAfterContext = 304;  // x86-64: sizeof(struct ucontext) in the kernel
constexpr std::size_t kX86Sp = 7;

bool is_fault(const elf::CoreSignal& signal) {
  const int number = signal.number;
  return signal.code > 0 && (number == SIGSEGV || number == SIGBUS || number == SIGILL ||
                             number == SIGFPE || number == SIGTRAP || number == SIGSYS);
}

/// What the kernel told the handler that this frame called.
std::optional<elf::CoreSignal> told_to_handler(const trace::CoreView& core,
                                               const trace::Frame& frame) {
  const auto context = frame.registers.get(kX86Sp);
  if (core.machine() != elf::Machine::kX86_64 || !context) return std::nullopt;
  const std::uint64_t info = *context + kInfoAfterContext;
  const auto number = core.memory().get<std::int32_t>(info);
  const auto code = core.memory().get<std::int32_t>(info + 8);
  const auto address = core.memory().get<std::uint64_t>(info + 16);
  if (!number || !code || !address) return std::nullopt;
  elf::CoreSignal signal;
  signal.number = *number;
  signal.code = *code;
  signal.address = *address;
  if (*number == SIGSYS) signal.system_call = core.memory().get<std::int32_t>(info + 24);
  return signal;
}

std::string_view as_text(const std::array<char, kLongestInstruction>& bytes, std::size_t size) {
  return {bytes.data(), size};
}

std::optional<elf::Instruction> instruction_at(const trace::CoreView& core,
                                               const trace::Frame& frame) {
  if (!core.is_code(frame.pc)) return std::nullopt;
  std::array<char, kLongestInstruction> code{};
  std::size_t size = code.size();
  // The last one of a mapping is followed by nothing.
  while (size > 0 && !core.memory().read(frame.pc, code.data(), size)) --size;
  auto decoded =
      elf::decode_instruction(core.machine(), as_text(code, size), frame.pc, frame.registers);
  if (!decoded) return std::nullopt;
  return std::move(*decoded);
}

}  // namespace

Fault find_fault(const trace::CoreView& core, const trace::Stack& stack) {
  Fault fault;
  fault.signal = core.head().signal;
  const bool by_itself = fault.signal.code <= 0 && fault.signal.sender_pid == core.head().pid;
  for (std::size_t i = stack.frames.size(); by_itself && i-- > 0;) {
    // The outermost: what came later happened while that one was being handled.
    if (!stack.frames[i].signal || i + 1 >= stack.frames.size()) continue;
    const auto told = told_to_handler(core, stack.frames[i]);
    if (!told || !is_fault(*told)) continue;
    fault.signal = *told;
    fault.frame = i + 1;
    fault.raised_again = true;
    break;
  }
  fault.instruction = instruction_at(core, stack.frames[fault.frame]);
  return fault;
}

}  // namespace nines::crash
