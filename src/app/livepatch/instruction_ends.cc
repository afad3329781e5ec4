#include "app/livepatch/instruction_ends.h"

#include <Zydis/Zydis.h>

namespace nines::livepatch {

std::vector<std::uint64_t> instruction_ends(std::string_view code) {
  std::vector<std::uint64_t> ends;
  ZydisDecoder decoder;
  if (ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64))) {
    return ends;
  }
  for (std::uint64_t at = 0; at < code.size();) {
    ZydisDecodedInstruction instruction;
    if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data() + at,
                                                  code.size() - at, &instruction))) {
      break;
    }
    at += instruction.length;
    ends.push_back(at);
  }
  return ends;
}

}  // namespace nines::livepatch
