#include "app/livepatch/module_symbols.h"

#include <gelf.h>

#include <functional>
#include <set>

namespace nines::livepatch {
namespace {

/// Of symbols that are defined there.
void each_symbol(const elf::Image& image, std::uint32_t table,
                 const std::function<void(const GElf_Sym& symbol, const char* name)>& take) {
  Elf_Scn* section = nullptr;
  while ((section = elf_nextscn(image.elf(), section)) != nullptr) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != table) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || header.sh_entsize == 0) continue;
    const auto count = static_cast<int>(data->d_size / sizeof(Elf64_Sym));
    for (int i = 1; i < count; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, i, &symbol) == nullptr || symbol.st_shndx == SHN_UNDEF) continue;
      const char* name = elf_strptr(image.elf(), header.sh_link, symbol.st_name);
      if (name != nullptr && *name != '\0') take(symbol, name);
    }
  }
}

bool has_address(const GElf_Sym& symbol) {
  const int type = GELF_ST_TYPE(symbol.st_info);
  return type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE || type == STT_GNU_IFUNC;
}

}  // namespace

KnownSymbols known_symbols(const trace::ModuleView& module) {
  KnownSymbols known;
  std::set<std::string> twice;
  if (module.image == nullptr) return known;
  for (const std::uint32_t table : {SHT_SYMTAB, SHT_DYNSYM}) {
    each_symbol(*module.image, table, [&](const GElf_Sym& symbol, const char* name) {
      if (!has_address(symbol) || symbol.st_shndx >= SHN_LORESERVE) return;
      const std::uint64_t address = symbol.st_value + module.bias;
      if (known.emplace(name, address).first->second != address) twice.insert(name);
    });
  }
  for (const std::string& name : twice) known.erase(name);
  return known;
}

Result<std::uint64_t> exported_address(trace::LiveView& process, const std::string& name) {
  for (auto& module : process.modules()) {
    if (process.module_at(module->start) == nullptr || module->image == nullptr) continue;
    std::uint64_t found = 0;
    bool ifunc = false;
    each_symbol(*module->image, SHT_DYNSYM, [&](const GElf_Sym& symbol, const char* one) {
      if (!has_address(symbol) || name != one || GELF_ST_BIND(symbol.st_info) == STB_LOCAL) return;
      found = symbol.st_value + module->bias;
      ifunc = GELF_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC;
    });
    if (ifunc) {
      return Error(ErrorCode::kUnsupported, "find symbol", name)
          .with_detail(
              "the program does not call it yet, and which of its variants is to be called "
              "only the loader can tell");
    }
    if (found != 0) return found;
  }
  return Error(ErrorCode::kNotFound, "find symbol", name)
      .with_detail("neither the program's code nor a loaded library tells where it is");
}

}  // namespace nines::livepatch
