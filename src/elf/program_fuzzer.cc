// Fuzzes the head of an ELF file, as a file and as memory, and the instructions in it.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "elf/instruction.h"
#include "elf/program.h"

namespace {

class Bytes : public nines::elf::Memory {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  bool read(std::uint64_t address, void* into, std::size_t size) const override {
    if (address > bytes_.size() || size > bytes_.size() - address) return false;
    std::memcpy(into, bytes_.data() + address, size);
    return true;
  }

 private:
  std::string_view bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::elf;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  RegisterSet registers;
  for (std::size_t i = 0; i < kMaxRegisters; ++i) registers.set(i, i << 12);
  const auto instruction = decode_instruction(Machine::kX86_64, bytes, 0x1000, registers);
  if (instruction && instruction->length > size) std::abort();
  (void)follows_call(Machine::kX86_64, bytes.substr(0, 7));
  (void)follows_call(Machine::kAArch64, bytes.substr(0, 7));
  const auto program = parse_program(bytes);
  if (!program) return 0;
  const Bytes memory(bytes);
  (void)build_id_of_file(*program, bytes);
  (void)build_id_in_memory(*program, memory, 0);
  (void)file_from_memory(*program, memory, 0);
  (void)program->end_address();
  return 0;
}
