#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "app/crash/classify.h"

namespace nines::crash {
namespace {

constexpr std::uint64_t kNullPages = 64 << 10;  // vm.mmap_min_addr: nothing is ever mapped there
constexpr std::uint64_t kReach = 1 << 20;       // of one function's frame beyond its stack
constexpr std::uint64_t kRedZone = 128;
constexpr std::uint64_t kNear = std::uint64_t{256} << 20;
constexpr std::int32_t kGeneralProtection = 0x80;  // SI_KERNEL: the processor tells no address
constexpr int kProtectionKey = 4;                  // SEGV_PKUERR

/// With 48 bits of address the upper ones repeat the last. Machines with 57 bits take more; what is
/// no address for those is none here either.
bool canonical(std::uint64_t address) {
  constexpr int kUnused = 64 - 57;
  const auto extended = static_cast<std::int64_t>(address << kUnused) >> kUnused;
  return static_cast<std::uint64_t>(extended) == address;
}

class AddressFault {
 public:
  AddressFault(const trace::CoreView& core, const trace::Stack& stack, const Fault& fault)
      : core_(core), stack_(stack), fault_(fault), frame_(stack.frames[fault.frame]) {
    find_access();
    if (fault.signal.code != kGeneralProtection) {
      address_ = fault.signal.address;
    } else if (access_ != nullptr) {
      address_ = access_->address;
    }
    describe_access();
  }

  Classification classify() {
    if (!core_.is_code(frame_.pc)) return jump();
    if (!address_) {
      return made("wild-pointer", "The address is none that the processor can have.");
    }
    if (is_stack_overflow()) return stack_overflow();
    if (fault_.signal.code == kProtectionKey) {
      return made("protection", fmt::format("A memory protection key forbids {}.", what()));
    }
    if (is_null()) return made("null-dereference", null_sentence());
    const elf::CoreSegment* segment = core_.head().segment_at(*address_);
    if (segment != nullptr) return mapped(*segment);
    if (is_near_mappings()) {
      evidence_.push_back("Mappings are near it, as where mmap(2) places them.");
      return made("use-after-unmap",
                  fmt::format("{} where nothing is mapped (any more): probably memory that was "
                              "unmapped or a library that was unloaded.",
                              capital(what())));
    }
    return made("wild-pointer", fmt::format("{} where nothing is mapped.", capital(what())));
  }

 private:
  static std::string capital(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] -= 'a' - 'A';
    return text;
  }

  Classification made(std::string kind, std::string summary) {
    return {std::move(kind), std::move(summary), std::move(evidence_)};
  }

  /// Of an instruction with several, the one at the address that the kernel tells.
  void find_access() {
    if (!fault_.instruction) return;
    for (const elf::MemoryAccess& access : fault_.instruction->accesses) {
      const auto told = fault_.signal.address;
      const bool general = fault_.signal.code == kGeneralProtection;
      const bool fits = general
                            ? access.address && !canonical(*access.address)
                            : access.address && told && *told >= *access.address &&
                                  *told - *access.address < std::max<std::uint64_t>(access.size, 1);
      if (fits || access_ == nullptr) access_ = &access;
      if (fits) return;
    }
  }

  bool fits() const {
    return access_ != nullptr && access_->address && address_ &&
           *address_ - *access_->address < std::max<std::uint64_t>(access_->size, 1);
  }

  void describe_access() {
    if (!fault_.instruction) return;
    evidence_.push_back(fmt::format("The instruction is: {}", fault_.instruction->text));
    if (!fits() || access_->base.empty() || !access_->base_value) return;
    evidence_.push_back(
        fmt::format("Its base register {} is {:#x}.", access_->base, *access_->base_value));
  }

  /// "a write of 4 bytes to 0x10"
  std::string what() const {
    const std::string where = address_ ? fmt::format("{:#x}", *address_) : "an unknown address";
    if (!fits()) return "an access to " + where;
    return fmt::format("a {} of {} byte{} {} {}", access_->writes ? "write" : "read", access_->size,
                       access_->size == 1 ? "" : "s", access_->writes ? "to" : "from", where);
  }

  Classification jump() {
    const std::uint64_t pc = frame_.pc;
    if (pc < kNullPages) {
      return made("null-call",
                  fmt::format("A call by a null pointer: the program counter is {:#x}.", pc));
    }
    if (core_.head().segment_at(pc) != nullptr) {
      return made("execute-data",
                  fmt::format("A jump to {:#x}, which is data: not executable.", pc));
    }
    evidence_.push_back("Nothing is mapped at the program counter.");
    return made("wild-jump", fmt::format("A jump or a return to {:#x}, where no code is.", pc));
  }

  bool is_null() const {
    if (*address_ < kNullPages) return true;
    // A field before, or an element far behind, what a null pointer points to.
    return fits() && access_->base_value && *access_->base_value < kNullPages &&
           (!access_->index.empty() || canonical_negative(*address_));
  }
  static bool canonical_negative(std::uint64_t address) { return address > 0 - kNullPages; }

  std::string null_sentence() const {
    std::string text = capital(what());
    if (fits() && access_->base_value && !access_->base.empty() && access_->base != "rip") {
      text += fmt::format(": {} is {:#x}", access_->base, *access_->base_value);
      if (access_->displacement != 0) {
        text += fmt::format(", and {:#x} bytes from there is accessed", access_->displacement);
      }
    }
    return text + ".";
  }

  /// Where the frames are: what any of them but the innermost has as its address.
  const elf::CoreSegment* stack_segment() const {
    for (std::size_t i = fault_.frame; i < stack_.frames.size(); ++i) {
      const std::uint64_t cfa = stack_.frames[i].cfa;
      const elf::CoreSegment* segment = cfa == 0 ? nullptr : core_.head().segment_at(cfa - 8);
      if (segment != nullptr && segment->writable) return segment;
    }
    return nullptr;
  }

  bool is_stack_overflow() {
    const auto sp = frame_.registers.get(core_.machine() == elf::Machine::kX86_64 ? 7 : 31);
    const elf::CoreSegment* stack = stack_segment();
    if (!sp || stack == nullptr) return false;
    const bool by_the_stack = *address_ < *sp + kReach && *sp - kRedZone < *address_ + kReach;
    const bool below = *address_ < stack->address && stack->address - *address_ < kReach;
    if (!by_the_stack || !below) return false;
    const elf::CoreSegment* guard = core_.head().segment_at(*address_);
    if (guard != nullptr && (guard->readable || guard->writable)) return false;
    evidence_.push_back(fmt::format("The stack pointer is {:#x}.", *sp));
    evidence_.push_back(fmt::format("The stack is mapped from {:#x} to {:#x} ({} KiB).",
                                    stack->address, stack->address + stack->memory_size,
                                    stack->memory_size >> 10));
    evidence_.push_back(guard != nullptr ? "The address is in the guard below it."
                                         : "The address is below it, where nothing is mapped.");
    return true;
  }

  Classification stack_overflow() {
    const std::uint64_t frames = stack_.frames.size() - fault_.frame + stack_.elided;
    return made(
        "stack-overflow",
        fmt::format("The stack is used up, {} frames deep: {} is beyond its end.", frames, what()));
  }

  Classification mapped(const elf::CoreSegment& segment) {
    const elf::MappedFile* file = core_.head().file_at(*address_);
    if (file != nullptr) evidence_.push_back("The address is in " + file->path + ".");
    const bool writes = fits() && access_->writes;
    evidence_.push_back(fmt::format("The mapping is {}{}{}.", segment.readable ? "r" : "-",
                                    segment.writable ? "w" : "-", segment.executable ? "x" : "-"));
    if (writes && !segment.writable && segment.readable) {
      return made("write-protected", capital(what()) + ", which is read-only.");
    }
    return made("protection", capital(what()) + ", which its mapping does not allow.");
  }

  bool is_near_mappings() const {
    const auto& segments = core_.head().segments;
    return std::any_of(segments.begin(), segments.end(), [this](const elf::CoreSegment& segment) {
      const std::uint64_t end = segment.address + segment.memory_size;
      return end <= *address_ ? *address_ - end < kNear : segment.address - *address_ < kNear;
    });
  }

  const trace::CoreView& core_;
  const trace::Stack& stack_;
  const Fault& fault_;
  const trace::Frame& frame_;
  const elf::MemoryAccess* access_ = nullptr;
  std::optional<std::uint64_t> address_;
  std::vector<std::string> evidence_;
};

}  // namespace

Classification classify_address(const trace::CoreView& core, const trace::Stack& stack,
                                const Fault& fault) {
  return AddressFault(core, stack, fault).classify();
}

}  // namespace nines::crash
