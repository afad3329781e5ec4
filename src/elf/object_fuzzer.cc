// Fuzzes the reader of relocatable objects.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "elf/object.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::elf;
  const auto object = Object::parse({reinterpret_cast<const char*>(data), size});
  if (!object) return 0;
  for (std::size_t i = 0; i < object->sections().size(); ++i) {
    const ObjectSection& section = object->sections()[i];
    if (section.type != SHT_NOBITS && section.bytes.size() != section.size) std::abort();
    for (const ObjectRelocation& relocation : section.relocations) {
      if (relocation.symbol >= object->symbols().size()) std::abort();
      if (relocation.offset >= section.size) std::abort();
    }
    (void)object->symbol_at(i, 0);
  }
  (void)object->find("main");
  return 0;
}
