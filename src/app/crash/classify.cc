#include "app/crash/classify.h"

#include <fmt/format.h>
#include <seccomp.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "sys/signals.h"

namespace nines::crash {
namespace {

std::vector<std::string> instruction_evidence(const Fault& fault) {
  if (!fault.instruction) return {};
  return {fmt::format("The instruction is: {}", fault.instruction->text)};
}

Classification classify_division(const Fault& fault) {
  Classification found{"division", "An integer division failed.", instruction_evidence(fault)};
  if (fault.signal.code != FPE_INTDIV) {
    return {"division", fmt::format("An arithmetic fault (code {}).", fault.signal.code),
            std::move(found.evidence)};
  }
  if (!fault.instruction || !fault.instruction->divisor) return found;
  found.evidence.push_back(fmt::format("The divisor is {:#x}.", *fault.instruction->divisor));
  found.summary = *fault.instruction->divisor == 0
                      ? "An integer was divided by zero."
                      : "The quotient of an integer division is too large for its register.";
  return found;
}

Classification classify_illegal(const Fault& fault) {
  Classification found{"illegal-instruction", "The processor does not know the instruction.",
                       instruction_evidence(fault)};
  if (fault.instruction && fault.instruction->undefined) {
    found.summary =
        "The program stopped itself at a place that it must not come to (a trap instruction).";
  } else if (!fault.instruction) {
    found.evidence.push_back("The bytes at the program counter are no instruction.");
  }
  return found;
}

Classification classify_bus(const trace::CoreView& core, const Fault& fault) {
  const std::uint64_t address = fault.signal.address.value_or(0);
  const elf::MappedFile* file = core.head().file_at(address);
  std::vector<std::string> evidence = instruction_evidence(fault);
  switch (fault.signal.code) {
    case BUS_ADRALN:
      return {"misaligned", fmt::format("An access to {:#x}, which is not aligned.", address),
              std::move(evidence)};
    case BUS_MCEERR_AR:
    case BUS_MCEERR_AO:
      return {"memory-error",
              fmt::format("The memory at {:#x} is broken: the hardware reported an error that it "
                          "could not correct.",
                          address),
              std::move(evidence)};
    default: break;
  }
  if (file != nullptr) {
    evidence.push_back(fmt::format("The address is {:#x} bytes into the file.",
                                   file->offset + address - file->start));
    return {"truncated-file",
            fmt::format("{} is mapped, and is shorter than its mapping: it was truncated, or "
                        "its disk cannot be read.",
                        file->path),
            std::move(evidence)};
  }
  return {"truncated-file",
          fmt::format("What is mapped at {:#x} has no memory behind it.", address),
          std::move(evidence)};
}

Classification classify_seccomp(const Fault& fault) {
  const int number = fault.signal.system_call.value_or(-1);
  const std::unique_ptr<char, void (*)(void*)> name(
      seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), std::free);
  return {"seccomp",
          fmt::format("A seccomp filter forbids the system call {} ({}).",
                      name ? name.get() : "unknown", number),
          {}};
}

Classification classify_sent(const trace::CoreView& core, const Fault& fault) {
  const int sender = fault.signal.sender_pid.value_or(0);
  const std::string name = sys::signal_name(fault.signal.number);
  Classification found{"signal", fmt::format("{} was sent by the kernel.", name), {}};
  if (sender == core.head().pid) {
    found.summary = fmt::format("The process sent itself {}.", name);
  } else if (sender != 0) {
    found.summary = fmt::format("{} was sent by process {} of user {}.", name, sender,
                                fault.signal.sender_uid.value_or(0));
  }
  return found;
}

Classification classify_fault(const trace::CoreView& core, const trace::Stack& stack,
                              const Fault& fault) {
  switch (fault.signal.number) {
    case SIGSEGV: return classify_address(core, stack, fault);
    case SIGBUS: return classify_bus(core, fault);
    case SIGFPE: return classify_division(fault);
    case SIGILL: return classify_illegal(fault);
    case SIGTRAP:
      return {"trap", "The program ran into a breakpoint instruction.",
              instruction_evidence(fault)};
    case SIGSYS: return classify_seccomp(fault);
    default: return classify_sent(core, fault);
  }
}

}  // namespace

Classification classify(const trace::CoreView& core, const trace::Stack& stack, const Fault& fault,
                        const std::optional<std::string>& message,
                        const std::optional<CxxException>& exception) {
  Classification found;
  if (fault.signal.code > 0) {
    found = classify_fault(core, stack, fault);
  } else if (fault.signal.number == SIGABRT && !fault.is_from_outside(core.head().pid)) {
    found = classify_abort(message, exception);
  } else {
    found = classify_sent(core, fault);
  }
  if (fault.raised_again) {
    found.evidence.push_back("A handler had got this signal, and ended the process itself.");
  }
  return found;
}

}  // namespace nines::crash
