// A patch is made of objects, and is a file that somebody hands over.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "elf/object.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto object = nines::elf::Object::open(bytes);
  if (!object) return 0;
  for (std::size_t i = 0; i < object->sections().size(); ++i) {
    const nines::elf::ObjectSection& section = object->sections()[i];
    if (!section.bytes.empty() && section.bytes.data() + section.bytes.size() > bytes.end()) {
      std::abort();
    }
    for (const auto& relocation : section.relocations) {
      if (relocation.symbol >= object->symbols().size()) std::abort();
      if (relocation.offset >= section.size) std::abort();
    }
    (void)object->function_at_start(i);
  }
  for (const nines::elf::ObjectSymbol& symbol : object->symbols()) {
    if (symbol.section && *symbol.section >= object->sections().size()) std::abort();
  }
  return 0;
}
