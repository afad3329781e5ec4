#include "trace/guess.h"

#include <algorithm>
#include <array>

#include "elf/instruction.h"

namespace nines::trace {
namespace {

constexpr std::uint64_t kWord = 8;
constexpr std::uint64_t kMaxScanWords = 1024;
constexpr std::uint64_t kMaxFrame = 8 << 20;
constexpr std::size_t kLongestCall = 7;

/// @source x86-64 psABI, figure 3.36; AArch64 DWARF ABI, section 4.1
struct Numbers {
  std::size_t fp, sp, pc;
};

Numbers numbers_of(elf::Machine machine) {
  return machine == elf::Machine::kX86_64 ? Numbers{6, 7, 16} : Numbers{29, 31, 30};
}

bool after_call(const ProcessView& process, std::uint64_t address) {
  if (!process.is_code(address)) return false;
  std::array<char, kLongestCall> before{};
  return address > before.size() &&
         process.memory().read(address - before.size(), before.data(), before.size()) &&
         elf::follows_call(process.machine(), {before.data(), before.size()});
}

Frame made(const ProcessView& process, std::uint64_t pc, std::uint64_t sp, Trust trust,
           std::optional<std::uint64_t> fp) {
  const Numbers numbers = numbers_of(process.machine());
  Frame frame;
  frame.pc = pc;
  frame.trust = trust;
  frame.registers.set(numbers.sp, sp);
  frame.registers.set(numbers.pc, pc);
  if (fp) frame.registers.set(numbers.fp, *fp);
  return frame;
}

std::optional<Frame> at_stack_pointer(const ProcessView& process, const Frame& frame,
                                      std::uint64_t sp, std::optional<std::uint64_t> fp) {
  if (process.machine() == elf::Machine::kAArch64) {
    const auto link = frame.registers.get(numbers_of(process.machine()).pc);
    if (!link || !after_call(process, *link)) return std::nullopt;
    return made(process, *link, sp, Trust::kCalled, fp);
  }
  const auto word = process.memory().get<std::uint64_t>(sp);
  if (!word || !after_call(process, *word)) return std::nullopt;
  const Trust trust = process.is_code(frame.pc) ? Trust::kScan : Trust::kCalled;
  return made(process, *word, sp + kWord, trust, fp);
}

std::optional<Frame> by_frame_pointer(const ProcessView& process, std::uint64_t sp,
                                      std::optional<std::uint64_t> fp) {
  if (!fp || *fp < sp || *fp - sp > kMaxFrame || *fp % kWord != 0) return std::nullopt;
  const auto saved = process.memory().get<std::uint64_t>(*fp);
  const auto pc = process.memory().get<std::uint64_t>(*fp + kWord);
  if (!saved || !pc || !after_call(process, *pc)) return std::nullopt;
  return made(process, *pc, *fp + 2 * kWord, Trust::kFramePointer, saved);
}

std::optional<Frame> by_scan(const ProcessView& process, std::uint64_t sp,
                             std::optional<std::uint64_t> fp) {
  for (std::uint64_t at = sp & ~(kWord - 1); at - sp < kMaxScanWords * kWord || at < sp;
       at += kWord) {
    const auto word = process.memory().get<std::uint64_t>(at);
    if (!word) return std::nullopt;
    if (after_call(process, *word)) return made(process, *word, at + kWord, Trust::kScan, fp);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Frame> guess_caller(const ProcessView& process, const Frame& frame, bool innermost) {
  const Numbers numbers = numbers_of(process.machine());
  const auto sp = frame.registers.get(numbers.sp);
  const auto fp = frame.registers.get(numbers.fp);
  if (!sp) return std::nullopt;
  if (innermost) {
    if (auto found = at_stack_pointer(process, frame, *sp, fp)) return found;
  }
  if (auto found = by_frame_pointer(process, *sp, fp)) return found;
  return by_scan(process, *sp, fp);
}

}  // namespace nines::trace
