// Fuzzes DWARF expressions: each ends, whatever it says.
#include <cstdint>
#include <cstring>
#include <vector>

#include "elf/expression.h"

namespace {

class NoMemory : public nines::elf::Memory {
 public:
  bool read(std::uint64_t address, void* into, std::size_t size) const override {
    if (address % 3 == 0 || size > 8) return false;
    std::memset(into, static_cast<int>(address), size);
    return true;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // One operation: its code, and nine bytes of operands.
  constexpr std::size_t kStep = 10;
  std::vector<Dwarf_Op> operations;
  for (std::size_t at = 0; size - at >= kStep; at += kStep) {
    Dwarf_Op operation{};
    operation.atom = data[at];
    std::memcpy(&operation.number, data + at + 1, sizeof operation.number);
    operation.number2 = data[at + 9];
    operation.offset = at / kStep * 3;
    operations.push_back(operation);
  }
  const NoMemory memory;
  nines::elf::RegisterSet registers;
  registers.set(7, 0x1000);
  const nines::elf::ExpressionContext context{registers, memory, 0x400000, 0x2000, 0x3000};
  (void)nines::elf::evaluate(operations, context);
  return 0;
}
