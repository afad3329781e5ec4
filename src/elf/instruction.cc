#include "elf/instruction.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <array>

#include "elf/byte_reader.h"

namespace nines::elf {
namespace {

constexpr std::size_t kNoNumber = kMaxRegisters;
constexpr std::size_t kReturnAddress = 16;  // DWARF's number of rip

/// The DWARF number of the 64-bit register that one is, or is a part of.
std::size_t dwarf_number(ZydisRegister name) {
  constexpr std::array<std::size_t, 16> kByEncoding = {0, 2, 1,  3,  7,  6,  4,  5,
                                                       8, 9, 10, 11, 12, 13, 14, 15};
  const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
  if (whole == ZYDIS_REGISTER_RIP) return kReturnAddress;
  if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15) return kNoNumber;
  return kByEncoding[static_cast<std::size_t>(whole - ZYDIS_REGISTER_RAX)];
}

std::string name_of(ZydisRegister name) {
  const char* text = name == ZYDIS_REGISTER_NONE ? nullptr : ZydisRegisterGetString(name);
  return text == nullptr ? "" : text;
}

struct Decoded {
  ZydisDecodedInstruction instruction{};
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands{};
};

MemoryAccess access_of(const Decoded& decoded, const ZydisDecodedOperand& operand, std::uint64_t pc,
                       const RegisterSet& registers) {
  const auto& memory = operand.mem;
  MemoryAccess access;
  access.reads = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
  access.writes = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
  access.size = operand.size / 8;
  access.base = name_of(memory.base);
  access.index = name_of(memory.index);
  access.displacement = memory.disp.has_displacement != 0 ? memory.disp.value : 0;
  access.stack =
      operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && memory.base == ZYDIS_REGISTER_RSP;
  if (memory.segment == ZYDIS_REGISTER_FS || memory.segment == ZYDIS_REGISTER_GS) return access;
  auto address = static_cast<std::uint64_t>(access.displacement);
  if (memory.base == ZYDIS_REGISTER_RIP) {
    access.base_value = pc + decoded.instruction.length;
  } else if (memory.base != ZYDIS_REGISTER_NONE) {
    access.base_value = registers.get(dwarf_number(memory.base));
  }
  if (memory.base != ZYDIS_REGISTER_NONE) {
    if (!access.base_value) return access;
    address += *access.base_value;
  }
  if (memory.index != ZYDIS_REGISTER_NONE) {
    const auto index = registers.get(dwarf_number(memory.index));
    if (!index) return access;
    address += *index * memory.scale;
  }
  // What is pushed goes below the pointer.
  if (access.stack && access.writes) address -= access.size;
  access.address = address;
  return access;
}

bool divides(ZydisMnemonic mnemonic) {
  return mnemonic == ZYDIS_MNEMONIC_DIV || mnemonic == ZYDIS_MNEMONIC_IDIV;
}

bool is_undefined(ZydisMnemonic mnemonic) {
  return mnemonic == ZYDIS_MNEMONIC_UD0 || mnemonic == ZYDIS_MNEMONIC_UD1 ||
         mnemonic == ZYDIS_MNEMONIC_UD2;
}

}  // namespace

Result<Instruction> decode_instruction(Machine machine, std::string_view code, std::uint64_t pc,
                                       const RegisterSet& registers) {
  if (machine != Machine::kX86_64) return Error(ErrorCode::kUnsupported, "decode instruction");
  Decoded decoded;
  ZydisDecoder decoder;
  if (ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
      ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code.data(), code.size(), &decoded.instruction,
                                         decoded.operands.data()))) {
    return Error(ErrorCode::kCorrupt, "decode instruction");
  }
  Instruction result;
  result.length = decoded.instruction.length;
  result.call = decoded.instruction.meta.category == ZYDIS_CATEGORY_CALL;
  result.divides = divides(decoded.instruction.mnemonic);
  result.undefined = is_undefined(decoded.instruction.mnemonic);
  const std::size_t count =
      std::min<std::size_t>(decoded.instruction.operand_count, decoded.operands.size());
  for (std::size_t i = 0; i < count; ++i) {
    const ZydisDecodedOperand& operand = decoded.operands[i];
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type != ZYDIS_MEMOP_TYPE_AGEN &&
        operand.actions != 0) {
      result.accesses.push_back(access_of(decoded, operand, pc, registers));
    }
    if (result.divides && i == 0 && operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
      result.divisor = registers.get(dwarf_number(operand.reg.value));
      if (result.divisor && operand.size < 64) {
        *result.divisor &= (std::uint64_t{1} << operand.size) - 1;
      }
    }
  }
  ZydisFormatter formatter;
  std::array<char, 128> text{};
  if (ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)) &&
      ZYAN_SUCCESS(ZydisFormatterFormatInstruction(
          &formatter, &decoded.instruction, decoded.operands.data(),
          decoded.instruction.operand_count_visible, text.data(), text.size(), pc, nullptr))) {
    result.text = text.data();
  }
  return result;
}

bool follows_call(Machine machine, std::string_view before) {
  if (machine == Machine::kAArch64) {
    const auto word =
        before.size() < 4 ? std::nullopt : read_at<std::uint32_t>(before, before.size() - 4);
    return word && ((*word & 0xfc000000) == 0x94000000 || (*word & 0xfffffc1f) == 0xd63f0000);
  }
  const auto byte = [&](std::size_t back) -> unsigned {
    return back <= before.size() ? static_cast<unsigned char>(before[before.size() - back]) : 0;
  };
  if (byte(5) == 0xe8) return true;  // CALL rel32
  // CALL r/m64 is FF /2: with a register, or memory with no, one or four bytes of displacement.
  for (const std::size_t length : {2U, 3U, 4U, 6U, 7U}) {
    if (byte(length) != 0xff || (byte(length - 1) >> 3 & 7) != 2) continue;
    const unsigned mode = byte(length - 1) >> 6, place = byte(length - 1) & 7;
    const bool sib = mode != 3 && place == 4;
    std::size_t expected = 2 + (sib ? 1U : 0U);
    if (mode == 1) expected += 1;
    if (mode == 2 || (mode == 0 && place == 5)) expected += 4;
    if (mode == 0 && sib && length > 2 && (byte(length - 2) & 7) == 5) expected += 4;
    if (expected == length) return true;
  }
  return false;
}

}  // namespace nines::elf
