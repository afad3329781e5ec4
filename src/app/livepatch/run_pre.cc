#include "app/livepatch/run_pre.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "elf/byte_reader.h"
#include "elf/code.h"

namespace nines::livepatch {
namespace {

Error differs(std::uint64_t offset, std::string_view how) {
  return Error(ErrorCode::kNotFound, "match code")
      .with_detail(fmt::format("at +{:#x}: {}", offset, how));
}

/// How a value was filled in. @source System V ABI, AMD64 supplement, table 4.9
struct Field {
  std::size_t size = 0;
  bool relative = false;  ///< to its own place
  Via via = Via::kValue;
  bool relaxable = false;  ///< the linker may have turned the load from a slot into the address
};

std::optional<Field> field_of(std::uint32_t type) {
  switch (type) {
    case R_X86_64_64: return Field{8, false, Via::kValue, false};
    case R_X86_64_32:
    case R_X86_64_32S: return Field{4, false, Via::kValue, false};
    case R_X86_64_PC32:
    case R_X86_64_PLT32: return Field{4, true, Via::kValue, false};
    case R_X86_64_GOTPCREL: return Field{4, true, Via::kSlot, false};
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX: return Field{4, true, Via::kSlot, true};
    // Offsets of thread-local data: the same number in all code of the program.
    case R_X86_64_TPOFF32: return Field{4, false, Via::kValue, false};
    case R_X86_64_GOTTPOFF: return Field{4, true, Via::kSlot, true};
    default: return std::nullopt;
  }
}

class Matcher {
 public:
  Matcher(const elf::Object& object, std::size_t section, const RunningCode& code,
          std::uint64_t address)
      : object_(object), pre_(object.sections()[section]), code_(code), at_(address) {
    match_.address = address;
  }

  Result<Match> run() {
    while (offset_ < pre_.bytes.size()) NINES_TRY(one());
    NINES_TRY(check_jumps());
    match_.size = at_ - match_.address;
    return std::move(match_);
  }

 private:
  Status one() {
    const auto pre = elf::code_unit(pre_.bytes.substr(offset_));
    if (!pre) return differs(offset_, "no instruction in the object");
    const std::string_view running = rest();
    const auto run = elf::code_unit(running);
    if (!run) return differs(offset_, "no instruction in the running code");
    // Before everything else: padding stands for itself, wherever it is.
    if (pre->nop != run->nop || (pre->nop && pre->length != run->length)) {
      if (pre->nop) {
        starts_[offset_] = at_;
        offset_ += pre->length;
        return {};
      }
      if (run->nop) {
        at_ += run->length;
        return {};
      }
    }
    starts_[offset_] = at_;
    const auto [first, last] = relocations(pre->length);
    NINES_TRY(pre->is_relative() ? relative(*pre, *run, first, last)
                                 : plain(*pre, running, first, last));
    offset_ += pre->length;
    return {};
  }

  using Relocation = std::vector<elf::ObjectRelocation>::const_iterator;

  std::pair<Relocation, Relocation> relocations(std::size_t length) {
    while (next_ != pre_.relocations.size() && pre_.relocations[next_].offset < offset_) ++next_;
    const auto first = pre_.relocations.begin() + static_cast<std::ptrdiff_t>(next_);
    auto last = first;
    while (last != pre_.relocations.end() && last->offset < offset_ + length) ++last;
    return {first, last};
  }

  /// A jump or call: where it leads counts, not how it is encoded.
  Status relative(const elf::CodeUnit& pre, const elf::CodeUnit& run, Relocation first,
                  Relocation last) {
    if (pre.operation != run.operation) return differs(offset_, "another instruction");
    const std::uint64_t target = at_ + run.length + static_cast<std::uint64_t>(run.displacement);
    const std::uint64_t end = offset_ + pre.length;
    at_ += run.length;
    if (first == last) {
      jumps_.push_back({offset_, end + static_cast<std::uint64_t>(pre.displacement), target});
      return {};
    }
    if (last - first != 1 || first->offset != offset_ + pre.displacement_at) {
      return differs(offset_, "a relocation beside the target of a jump");
    }
    const auto field = field_of(first->type);
    if (!field || !field->relative || field->via != Via::kValue) return unknown(*first);
    // S + A - P, from the end of the field on, which is that of the instruction.
    return note(*first, Via::kValue, target,
                first->addend + static_cast<std::int64_t>(pre.displacement_size));
  }

  Status plain(const elf::CodeUnit& pre, std::string_view running, Relocation first,
               Relocation last) {
    if (last - first == 1) {
      const auto field = field_of(first->type);
      if (field && field->relaxable && relaxed(pre, running, *first)) return {};
    }
    if (running.size() < pre.length) return differs(offset_, "the running code ends");
    std::string expected(pre_.bytes.substr(offset_, pre.length));
    for (Relocation one = first; one != last; ++one) {
      const auto field = field_of(one->type);
      if (!field) return unknown(*one);
      const std::size_t in = one->offset - offset_;
      if (in + field->size > pre.length)
        return differs(offset_, "a relocation across instructions");
      std::uint64_t value = 0;
      if (field->size == 8) {
        value = *elf::read_at<std::uint64_t>(running, in);
      } else {
        value = static_cast<std::uint64_t>(
            static_cast<std::int64_t>(*elf::read_at<std::int32_t>(running, in)));
      }
      // What is relative counts from the end of the instruction.
      const auto left = static_cast<std::int64_t>(field->relative ? pre.length - in : 0);
      if (field->relative) value += at_ + pre.length;
      NINES_TRY(note(*one, field->via, value, one->addend + left));
      std::memcpy(expected.data() + in, running.data() + in, field->size);
    }
    if (running.substr(0, pre.length) != expected) return differs(offset_, "other bytes");
    at_ += pre.length;
    return {};
  }

  /// What a linker makes of a load from a slot whose value it knows: `lea` instead of `mov`, a
  /// direct call with a prefix or behind a nop. @return whether it is that, and was noted.
  /// @source System V ABI, AMD64 supplement, appendix B.2
  bool relaxed(const elf::CodeUnit& pre, std::string_view running,
               const elf::ObjectRelocation& relocation) {
    if (running.size() < pre.length || relocation.type == R_X86_64_GOTTPOFF) return false;
    const std::size_t in = relocation.offset - offset_;
    if (in < 2 || in + 4 != pre.length) return false;
    const auto byte = [](std::string_view bytes, std::size_t at) {
      return static_cast<unsigned char>(bytes[at]);
    };
    const std::string_view was = pre_.bytes.substr(offset_, pre.length);
    const std::int64_t displacement = *elf::read_at<std::int32_t>(running, in);
    const std::uint64_t end = at_ + pre.length;
    std::optional<std::uint64_t> target;
    if (byte(was, in - 2) == 0x8b && byte(running, in - 2) == 0x8d &&
        running.substr(in - 1, 1) == was.substr(in - 1, 1) &&
        running.substr(0, in - 2) == was.substr(0, in - 2)) {
      target = end + static_cast<std::uint64_t>(displacement);  // mov -> lea
    } else if (byte(was, in - 2) == 0xff && byte(was, in - 1) == 0x15 &&
               byte(running, in - 2) == 0x67 && byte(running, in - 1) == 0xe8) {
      target = end + static_cast<std::uint64_t>(displacement);  // call *slot -> addr32 call
    } else if (byte(was, in - 2) == 0xff && byte(was, in - 1) == 0x25 &&
               byte(running, in - 2) == 0xe9 && byte(running, pre.length - 1) == 0x90) {
      const std::int64_t jump = *elf::read_at<std::int32_t>(running, in - 1);
      target = end - 1 + static_cast<std::uint64_t>(jump);  // jmp *slot -> jmp; nop
    }
    if (!target) return false;
    if (!note(relocation, Via::kValue, *target, relocation.addend + 4)) return false;
    at_ += pre.length;
    return true;
  }

  /// @param place   that the running code refers to.
  /// @param offset  of that from the symbol.
  Status note(const elf::ObjectRelocation& relocation, Via via, std::uint64_t place,
              std::int64_t offset) {
    const elf::ObjectSymbol& symbol = object_.symbols()[relocation.symbol];
    const bool merged =
        symbol.section && (object_.sections()[*symbol.section].flags & SHF_MERGE) != 0;
    SymbolUse use{relocation.symbol, via, merged ? offset : 0};
    const std::uint64_t value = merged ? place : place - static_cast<std::uint64_t>(offset);
    const auto [known, fresh] = match_.symbols.emplace(use, value);
    if (fresh || known->second == value) return {};
    return differs(offset_, fmt::format("{} is at {:#x} here and at {:#x} before", symbol.name,
                                        value, known->second));
  }

  Error unknown(const elf::ObjectRelocation& relocation) const {
    return Error(ErrorCode::kUnsupported, "match code")
        .with_detail(fmt::format("at +{:#x}: a relocation of type {}", offset_, relocation.type));
  }

  /// Within the function: both lead to the same instruction. Out of it, without a relocation: the
  /// assembler knew the distance, which no other function of a section of its own has.
  Status check_jumps() const {
    for (const Jump& jump : jumps_) {
      std::uint64_t expected = at_;
      if (jump.to < pre_.bytes.size()) {
        const auto start = starts_.find(jump.to);
        if (start == starts_.end()) return differs(jump.from, "a jump between instructions");
        expected = start->second;
      } else if (jump.to != pre_.bytes.size()) {
        return differs(jump.from, "a jump out of the function");
      }
      if (jump.target == expected) continue;
      // It may lead to the padding before the instruction.
      if (!only_padding(std::min(jump.target, expected), std::max(jump.target, expected))) {
        return differs(jump.from, "a jump to another place");
      }
    }
    return {};
  }

  bool only_padding(std::uint64_t from, std::uint64_t to) const {
    while (from < to && from >= code_.address && from - code_.address < code_.bytes.size()) {
      const auto unit = elf::code_unit(code_.bytes.substr(from - code_.address));
      if (!unit || !unit->nop) return false;
      from += unit->length;
    }
    return from == to;
  }

  std::string_view rest() const {
    const std::uint64_t in = at_ - code_.address;
    return in < code_.bytes.size() ? code_.bytes.substr(in) : std::string_view();
  }

  struct Jump {
    std::uint64_t from = 0, to = 0;  ///< offsets in the object's code
    std::uint64_t target = 0;        ///< in the running code
  };

  const elf::Object& object_;
  const elf::ObjectSection& pre_;
  const RunningCode& code_;
  std::uint64_t at_;
  std::uint64_t offset_ = 0;
  std::size_t next_ = 0;  ///< the first relocation that is not behind
  std::map<std::uint64_t, std::uint64_t> starts_;
  std::vector<Jump> jumps_;
  Match match_;
};

/// The bytes that the function begins with and that are the same wherever it is.
std::string_view needle_of(const elf::ObjectSection& section) {
  std::size_t end = 0;
  std::size_t next = 0;
  while (end < section.bytes.size()) {
    const auto unit = elf::code_unit(section.bytes.substr(end));
    if (!unit || unit->is_relative() || (unit->nop && end > 0)) break;
    while (next < section.relocations.size() && section.relocations[next].offset < end) ++next;
    if (next < section.relocations.size() &&
        section.relocations[next].offset < end + unit->length) {
      // Its opcode is still the same, if no linker may have relaxed it.
      const auto field = field_of(section.relocations[next].type);
      if (field && !field->relaxable) end = section.relocations[next].offset;
      break;
    }
    end += unit->length;
  }
  return section.bytes.substr(0, end);
}

}  // namespace

Result<Match> match_at(const elf::Object& object, std::size_t section, const RunningCode& code,
                       std::uint64_t address) {
  return Matcher(object, section, code, address).run();
}

Result<std::vector<Match>> find_matches(const elf::Object& object, std::size_t section,
                                        const RunningCode& code) {
  // Where it is short or empty there are many candidates, of which nearly all differ at once.
  const std::string_view needle = needle_of(object.sections()[section]);
  std::vector<Match> found;
  for (std::size_t at = code.bytes.find(needle);
       at != std::string_view::npos && at < code.bytes.size();
       at = code.bytes.find(needle, at + 1)) {
    auto match = match_at(object, section, code, code.address + at);
    if (match) {
      found.push_back(std::move(*match));
    } else if (match.error().code() != ErrorCode::kNotFound) {
      return std::move(match.error());
    }
  }
  return found;
}

}  // namespace nines::livepatch
