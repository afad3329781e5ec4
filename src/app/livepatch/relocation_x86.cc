#include "app/livepatch/relocation_x86.h"

#include <fmt/format.h>

#include <elf.h>

#include <cstring>

#include "elf/byte_reader.h"

namespace nines::livepatch {
namespace {

constexpr std::uint64_t kWord = 4;
constexpr std::uint8_t kMov = 0x8b, kLea = 0x8d, kAdd = 0x03, kMovImmediate = 0xc7,
                       kAddImmediate = 0x81, kGroup5 = 0xff, kCallSlot = 0x15, kJumpSlot = 0x25,
                       kCall = 0xe8, kJump = 0xe9, kNop = 0x90, kAddressSize = 0x67;

std::uint8_t byte(std::string_view bytes, std::uint64_t at) {
  return at < bytes.size() ? static_cast<std::uint8_t>(bytes[at]) : 0;
}

std::uint64_t signed_word(std::string_view bytes, std::uint64_t at) {
  const auto value = elf::read_at<std::int32_t>(bytes, at);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value.value_or(0)));
}

bool same(std::string_view one, std::string_view other, std::uint64_t at, std::uint64_t size) {
  return at + size <= one.size() && one.substr(at, size) == other.substr(at, size);
}

/// A REX prefix whose register has moved from the reg field to r/m.
std::uint8_t moved_rex(std::uint8_t rex) {
  return static_cast<std::uint8_t>((rex & ~0x05) | ((rex & 0x04) != 0 ? 0x01 : 0));
}

/// `op reg, [rip + x]` became `op reg, immediate`.
bool immediate_form(std::string_view pre, std::string_view run, std::uint64_t at,
                    std::uint8_t opcode, bool rex) {
  const std::uint8_t reg = byte(pre, at - 1) >> 3 & 7;
  return byte(run, at - 2) == opcode && byte(run, at - 1) == (0xc0 | reg) &&
         (!rex || byte(run, at - 3) == moved_rex(byte(pre, at - 3)));
}

std::optional<Implied> of_slot(std::string_view pre, std::string_view run, std::uint64_t at,
                               std::uint64_t place, std::uint64_t addend, bool rex) {
  const std::uint64_t before = rex ? 3 : 2;
  if (at < before) return std::nullopt;
  if (same(pre, run, at - before, before)) {
    return Implied{Use::kSlot, signed_word(run, at) + place - addend};
  }
  const std::uint8_t opcode = byte(pre, at - 2), operand = byte(pre, at - 1);
  if (opcode == kMov) {
    if (byte(run, at - 2) == kLea && byte(run, at - 1) == operand &&
        (!rex || byte(run, at - 3) == byte(pre, at - 3))) {
      return Implied{Use::kAddress, signed_word(run, at) + place - addend};
    }
    if (immediate_form(pre, run, at, kMovImmediate, rex)) {
      return Implied{Use::kAddress, signed_word(run, at)};
    }
  }
  if (opcode != kGroup5 || rex) return std::nullopt;
  if (operand == kCallSlot && byte(run, at - 2) == kAddressSize && byte(run, at - 1) == kCall) {
    return Implied{Use::kCall, signed_word(run, at) + place + kWord};
  }
  const std::uint8_t direct = operand == kCallSlot ? kCall : operand == kJumpSlot ? kJump : 0;
  if (direct != 0 && byte(run, at - 2) == direct && byte(run, at + kWord - 1) == kNop) {
    return Implied{Use::kCall, signed_word(run, at - 1) + (place - 1) + kWord};
  }
  return std::nullopt;
}

std::optional<Implied> of_thread_slot(std::string_view pre, std::string_view run, std::uint64_t at,
                                      std::uint64_t place, std::uint64_t addend) {
  constexpr std::uint64_t kBefore = 3;
  if (at < kBefore) return std::nullopt;
  if (same(pre, run, at - kBefore, kBefore)) {
    return Implied{Use::kThreadSlot, signed_word(run, at) + place - addend};
  }
  const std::uint8_t opcode = byte(pre, at - 2), reg = byte(pre, at - 1) >> 3 & 7;
  const Implied offset{Use::kThread, signed_word(run, at)};
  if (opcode == kMov && immediate_form(pre, run, at, kMovImmediate, true)) return offset;
  if (opcode != kAdd) return std::nullopt;
  if (immediate_form(pre, run, at, kAddImmediate, true)) return offset;
  const std::uint8_t rex = byte(pre, at - 3);
  const bool high = (rex & 0x04) != 0;
  if (byte(run, at - 2) == kLea && byte(run, at - 1) == (0x80 | reg | reg << 3) &&
      byte(run, at - 3) == (rex | (high ? 0x01 : 0))) {
    return offset;
  }
  return std::nullopt;
}

template <typename T>
void put(std::string& section, std::uint64_t at, T value) {
  std::memcpy(section.data() + at, &value, sizeof value);
}

}  // namespace

std::optional<Use> use_of(std::uint32_t type) {
  switch (type) {
    case R_X86_64_64:
    case R_X86_64_PC64:
    case R_X86_64_32:
    case R_X86_64_32S:
    case R_X86_64_PC32: return Use::kAddress;
    case R_X86_64_PLT32: return Use::kCall;
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX: return Use::kSlot;
    case R_X86_64_GOTTPOFF: return Use::kThreadSlot;
    case R_X86_64_TPOFF32: return Use::kThread;
    default: return std::nullopt;
  }
}

Extent extent_of(std::uint32_t type) {
  switch (type) {
    case R_X86_64_NONE: return {0, 0};
    case R_X86_64_64:
    case R_X86_64_PC64: return {0, 8};
    case R_X86_64_GOTPCRELX: return {2, kWord};
    case R_X86_64_REX_GOTPCRELX:
    case R_X86_64_GOTTPOFF: return {3, kWord};
    default: return {0, kWord};
  }
}

std::optional<Implied> implied_by(const elf::ObjectRelocation& relocation, std::string_view pre,
                                  std::string_view run, std::uint64_t address) {
  const std::uint64_t at = relocation.offset, place = address + at;
  const auto addend = static_cast<std::uint64_t>(relocation.addend);
  const Extent extent = extent_of(relocation.type);
  if (at > run.size() || run.size() - at < extent.size || pre.size() != run.size()) {
    return std::nullopt;
  }
  switch (relocation.type) {
    case R_X86_64_64: return Implied{Use::kAddress, *elf::read_at<std::uint64_t>(run, at) - addend};
    case R_X86_64_PC64:
      return Implied{Use::kAddress, *elf::read_at<std::uint64_t>(run, at) + place - addend};
    case R_X86_64_32: return Implied{Use::kAddress, *elf::read_at<std::uint32_t>(run, at) - addend};
    case R_X86_64_32S: return Implied{Use::kAddress, signed_word(run, at) - addend};
    case R_X86_64_PC32: return Implied{Use::kAddress, signed_word(run, at) + place - addend};
    case R_X86_64_PLT32: return Implied{Use::kCall, signed_word(run, at) + place - addend};
    case R_X86_64_TPOFF32: return Implied{Use::kThread, signed_word(run, at) - addend};
    case R_X86_64_GOTPCREL: return Implied{Use::kSlot, signed_word(run, at) + place - addend};
    case R_X86_64_GOTPCRELX: return of_slot(pre, run, at, place, addend, false);
    case R_X86_64_REX_GOTPCRELX: return of_slot(pre, run, at, place, addend, true);
    case R_X86_64_GOTTPOFF: return of_thread_slot(pre, run, at, place, addend);
    default: return std::nullopt;
  }
}

Status apply_relocation(const elf::ObjectRelocation& relocation, std::string& section,
                        std::uint64_t address, std::uint64_t value) {
  const std::uint64_t at = relocation.offset;
  const auto place = address + at;
  const std::uint64_t sum = value + static_cast<std::uint64_t>(relocation.addend);
  if (at > section.size() || section.size() - at < extent_of(relocation.type).size) {
    return Error(ErrorCode::kCorrupt, "relocate").with_detail("a field outside of its section");
  }
  std::uint64_t field = sum;
  bool fits = true;
  const auto as_signed = [](std::uint64_t number) {
    return number ==
           static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(number)));
  };
  switch (relocation.type) {
    case R_X86_64_64: put(section, at, sum); return {};
    case R_X86_64_PC64: put(section, at, sum - place); return {};
    case R_X86_64_32: fits = sum <= UINT32_MAX; break;
    case R_X86_64_32S:
    case R_X86_64_TPOFF32: fits = as_signed(sum); break;
    case R_X86_64_PC32:
    case R_X86_64_PLT32:
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX:
    case R_X86_64_GOTTPOFF:
      field = sum - place;
      fits = as_signed(field);
      break;
    default:
      return Error(ErrorCode::kUnsupported, "relocate")
          .with_detail(fmt::format("relocation type {}", relocation.type));
  }
  if (!fits) {
    return Error(ErrorCode::kLimit, "relocate")
        .with_detail(fmt::format("{:#x} is too far from {:#x}", value, place));
  }
  put(section, at, static_cast<std::uint32_t>(field));
  return {};
}

}  // namespace nines::livepatch
