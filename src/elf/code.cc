#include "elf/code.h"

#include <Zydis/Zydis.h>

namespace nines::elf {
namespace {

const ZydisDecoder& decoder() {
  static const ZydisDecoder kDecoder = [] {
    ZydisDecoder made;
    ZydisDecoderInit(&made, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return made;
  }();
  return kDecoder;
}

}  // namespace

std::optional<CodeUnit> code_unit(std::string_view code) {
  ZydisDecodedInstruction instruction;
  // Operands cost four times as much, and say nothing that is needed here.
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder(), nullptr, code.data(), code.size(),
                                                  &instruction))) {
    return std::nullopt;
  }
  CodeUnit unit;
  unit.length = instruction.length;
  const bool exchanges_itself = instruction.mnemonic == ZYDIS_MNEMONIC_XCHG &&
                                instruction.length <= 2 && code[instruction.length - 1] == '\x90';
  unit.nop = instruction.mnemonic == ZYDIS_MNEMONIC_NOP || exchanges_itself;
  const auto& immediate = instruction.raw.imm[0];
  if (immediate.is_relative != 0 && immediate.size != 0) {
    unit.operation = static_cast<std::uint16_t>(instruction.mnemonic);
    unit.displacement = immediate.value.s;
    unit.displacement_at = immediate.offset;
    unit.displacement_size = immediate.size / 8U;
  }
  return unit;
}

}  // namespace nines::elf
