#include "app/crash/fault.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>
#include <vector>

namespace nines::crash {
namespace {

constexpr std::size_t kLongestInstruction = 15;   // Intel SDM volume 2, 2.3.11
constexpr std::uint64_t kInfoAfterContext = 304;  // x86-64: sizeof(struct ucontext) in the kernel
constexpr std::size_t kX86Sp = 7;
// In the same structure: uc_mcontext's err, trapno and cr2.
constexpr std::uint64_t kErrorInContext = 192, kTrapInContext = 200, kAddressInContext = 216;
// Intel SDM volume 3, 6.3.1 and 4.7
constexpr std::uint64_t kDivideError = 0, kInvalidOpcode = 6, kGeneralProtection = 13,
                        kPageFault = 14;
constexpr std::uint64_t kPresent = 1;

bool is_fault(const elf::CoreSignal& signal) {
  const int number = signal.number;
  return signal.code > 0 && (number == SIGSEGV || number == SIGBUS || number == SIGILL ||
                             number == SIGFPE || number == SIGTRAP || number == SIGSYS);
}

/// What the kernel told the handler that this frame called, if it wanted to know (SA_SIGINFO).
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
  signal.address = address;
  if (*number == SIGSYS) signal.system_call = core.memory().get<std::int32_t>(info + 24);
  if (!is_fault(signal)) return std::nullopt;
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

/// What the processor said, which the kernel keeps for every handler. It stays there from an
/// earlier fault, so that the interrupted instruction must be one that can have done it.
std::optional<elf::CoreSignal> told_by_processor(const trace::CoreView& core,
                                                 const trace::Frame& frame,
                                                 const trace::Frame& interrupted) {
  const auto context = frame.registers.get(kX86Sp);
  if (core.machine() != elf::Machine::kX86_64 || !context) return std::nullopt;
  const auto error = core.memory().get<std::uint64_t>(*context + kErrorInContext);
  const auto trap = core.memory().get<std::uint64_t>(*context + kTrapInContext);
  const auto address = core.memory().get<std::uint64_t>(*context + kAddressInContext);
  if (!error || !trap || !address) return std::nullopt;
  const auto instruction = instruction_at(core, interrupted);
  const auto& accesses = instruction ? instruction->accesses : std::vector<elf::MemoryAccess>();
  elf::CoreSignal signal;
  signal.address = interrupted.pc;
  switch (*trap) {
    case kDivideError:
      if (!instruction || !instruction->divides) return std::nullopt;
      signal.number = SIGFPE;
      signal.code = FPE_INTDIV;
      return signal;
    case kInvalidOpcode:
      if (instruction && !instruction->undefined) return std::nullopt;
      signal.number = SIGILL;
      signal.code = ILL_ILLOPN;
      return signal;
    case kGeneralProtection:
      if (accesses.empty()) return std::nullopt;
      signal.number = SIGSEGV;
      signal.code = SI_KERNEL;
      signal.address = 0;
      return signal;
    case kPageFault: {
      const bool fits = std::any_of(accesses.begin(), accesses.end(), [&](const auto& access) {
        return access.address &&
               *address - *access.address < std::max<std::uint64_t>(access.size, 1);
      });
      if (!fits && *address != interrupted.pc) return std::nullopt;
      signal.number = core.head().signal.number == SIGBUS ? SIGBUS : SIGSEGV;
      signal.code = (*error & kPresent) != 0 ? SEGV_ACCERR : SEGV_MAPERR;
      signal.address = address;
      return signal;
    }
    default: return std::nullopt;
  }
}

}  // namespace

Fault find_fault(const trace::CoreView& core, const trace::Stack& stack) {
  Fault fault;
  fault.signal = core.head().signal;
  const bool by_itself = fault.signal.code <= 0 && fault.signal.sender_pid == core.head().pid;
  for (std::size_t i = stack.frames.size(); by_itself && i-- > 0;) {
    // The outermost: what came later happened while that one was being handled.
    if (!stack.frames[i].signal || i + 1 >= stack.frames.size()) continue;
    auto told = told_to_handler(core, stack.frames[i]);
    if (!told) told = told_by_processor(core, stack.frames[i], stack.frames[i + 1]);
    if (!told) continue;
    fault.signal = *told;
    fault.frame = i + 1;
    fault.raised_again = true;
    break;
  }
  fault.instruction = instruction_at(core, stack.frames[fault.frame]);
  return fault;
}

}  // namespace nines::crash
