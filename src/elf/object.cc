#include "elf/object.h"

#include <elf.h>

#include <algorithm>

#include "elf/byte_reader.h"

namespace nines::elf {
namespace {

constexpr std::uint64_t kMostSections = 1 << 20;
constexpr std::uint64_t kMostSymbols = 1 << 22;

Error corrupt(const char* what) {
  return Error(ErrorCode::kCorrupt, "read object").with_detail(what);
}
Error unsupported(const char* what) {
  return Error(ErrorCode::kUnsupported, "read object").with_detail(what);
}

#if defined(__x86_64__)
constexpr std::uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t kMachine = EM_AARCH64;
#else
#error "objects need the machine's ELF number"
#endif

}  // namespace

class ObjectReader {
 public:
  explicit ObjectReader(std::string_view bytes) : bytes_(bytes) {}

  Result<Object> read() {
    NINES_TRY(head());
    NINES_TRY(names());
    NINES_TRY(symbols());
    NINES_TRY(groups());
    NINES_TRY(relocations());
    return std::move(object_);
  }

 private:
  Status head() {
    const auto ehdr = read_at<Elf64_Ehdr>(bytes_, 0);
    if (!ehdr ||
        std::string_view(reinterpret_cast<const char*>(ehdr->e_ident), SELFMAG) != ELFMAG) {
      return corrupt("no ELF file");
    }
    if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_ident[EI_DATA] != ELFDATA2LSB) {
      return unsupported("not of 64 bits, little endian");
    }
    if (ehdr->e_type != ET_REL) return unsupported("not relocatable");
    if (ehdr->e_machine != kMachine) return unsupported("of another machine");
    if (ehdr->e_shentsize != sizeof(Elf64_Shdr)) return corrupt("size of a section's head");
    const auto first = read_at<Elf64_Shdr>(bytes_, ehdr->e_shoff);
    if (!first) return corrupt("no section heads");
    // More than 65,279 sections, as -ffunction-sections may make. @source elf(5), e_shnum
    const std::uint64_t count = ehdr->e_shnum != 0 ? ehdr->e_shnum : first->sh_size;
    if (count > kMostSections) return corrupt("too many sections");
    names_at_ = ehdr->e_shstrndx == SHN_XINDEX ? first->sh_link : ehdr->e_shstrndx;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto shdr = read_at<Elf64_Shdr>(bytes_, ehdr->e_shoff + i * sizeof(Elf64_Shdr));
      if (!shdr) return corrupt("section heads are cut off");
      heads_.push_back(*shdr);
    }
    return {};
  }

  /// The bytes of a section. @errors kCorrupt: not in the file.
  Result<std::string_view> content(std::uint64_t index) const {
    if (index >= heads_.size()) return corrupt("index of a section");
    const Elf64_Shdr& head = heads_[index];
    if (head.sh_type == SHT_NOBITS || head.sh_type == SHT_NULL) return std::string_view();
    const auto bytes = slice(bytes_, head.sh_offset, head.sh_size);
    if (!bytes) return corrupt("a section is cut off");
    return *bytes;
  }

  Status names() {
    NINES_ASSIGN(const std::string_view table, content(names_at_));
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      const Elf64_Shdr& head = heads_[i];
      if ((head.sh_flags & SHF_COMPRESSED) != 0 && (head.sh_flags & SHF_ALLOC) != 0) {
        return unsupported("a compressed section");
      }
      ObjectSection section;
      if (i > 0) {
        const auto name = text_at(table, head.sh_name);
        if (!name) return corrupt("name of a section");
        section.name = *name;
      }
      section.type = head.sh_type;
      section.flags = head.sh_flags;
      section.size = head.sh_size;
      section.entry_size = head.sh_entsize;
      section.alignment = std::max<std::uint64_t>(1, head.sh_addralign);
      if ((section.alignment & (section.alignment - 1)) != 0 || section.alignment > 1 << 20) {
        return corrupt("alignment of a section");
      }
      NINES_ASSIGN(section.bytes, content(i));
      object_.sections_.push_back(std::move(section));
    }
    return {};
  }

  std::optional<std::size_t> only(std::uint32_t type) const {
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      if (heads_[i].sh_type == type) return i;
    }
    return std::nullopt;
  }

  Status symbols() {
    const auto table = only(SHT_SYMTAB);
    if (!table) return {};
    NINES_ASSIGN(const std::string_view bytes, content(*table));
    NINES_ASSIGN(const std::string_view text, content(heads_[*table].sh_link));
    std::string_view extended;
    if (const auto xindex = only(SHT_SYMTAB_SHNDX)) {
      NINES_ASSIGN(extended, content(*xindex));
    }
    const std::uint64_t count = bytes.size() / sizeof(Elf64_Sym);
    if (count > kMostSymbols) return corrupt("too many symbols");
    symbols_of_ = *table;
    for (std::uint64_t i = 0; i < count; ++i) {
      const Elf64_Sym raw = *read_at<Elf64_Sym>(bytes, i * sizeof(Elf64_Sym));
      NINES_ASSIGN(ObjectSymbol symbol, symbol_of(raw, text, extended, i));
      object_.symbols_.push_back(std::move(symbol));
    }
    return {};
  }

  Result<ObjectSymbol> symbol_of(const Elf64_Sym& raw, std::string_view text,
                                 std::string_view extended, std::uint64_t index) const {
    ObjectSymbol symbol;
    const auto name = text_at(text, raw.st_name);
    if (!name) return corrupt("name of a symbol");
    symbol.name = *name;
    symbol.value = raw.st_value;
    symbol.size = raw.st_size;
    symbol.type = ELF64_ST_TYPE(raw.st_info);
    symbol.binding = ELF64_ST_BIND(raw.st_info);
    std::uint64_t section = raw.st_shndx;
    if (section == SHN_ABS) {
      symbol.absolute = true;
    } else if (section == SHN_COMMON) {
      symbol.common = true;
    } else if (section != SHN_UNDEF) {
      if (section == SHN_XINDEX) {
        section = read_at<std::uint32_t>(extended, index * 4).value_or(~std::uint32_t{0});
      }
      if (section >= heads_.size()) return corrupt("section of a symbol");
      symbol.section = section;
      if (symbol.type == STT_SECTION) symbol.name = object_.sections_[section].name;
      if (symbol.value > object_.sections_[section].size) return corrupt("place of a symbol");
    }
    return symbol;
  }

  Status groups() {
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      if (heads_[i].sh_type != SHT_GROUP) continue;
      NINES_ASSIGN(const std::string_view bytes, content(i));
      if (heads_[i].sh_info >= object_.symbols_.size()) return corrupt("signature of a group");
      const auto flags = read_at<std::uint32_t>(bytes, 0);
      if (!flags) return corrupt("a group is cut off");
      if ((*flags & GRP_COMDAT) == 0) continue;
      for (std::uint64_t at = 4; at + 4 <= bytes.size(); at += 4) {
        const std::uint32_t member = *read_at<std::uint32_t>(bytes, at);
        if (member >= object_.sections_.size()) return corrupt("member of a group");
        object_.sections_[member].group = object_.symbols_[heads_[i].sh_info].name;
      }
    }
    return {};
  }

  Status relocations() {
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      const Elf64_Shdr& head = heads_[i];
      const bool relocates = head.sh_type == SHT_RELA || head.sh_type == SHT_REL;
      if (!relocates) continue;
      if (head.sh_info >= heads_.size()) return corrupt("which section is relocated");
      ObjectSection& section = object_.sections_[head.sh_info];
      if (head.sh_type == SHT_REL && section.is_allocated()) {
        return unsupported("relocations without addends");
      }
      if (head.sh_type == SHT_REL) continue;
      if (head.sh_link != symbols_of_) return corrupt("symbols of relocations");
      NINES_ASSIGN(const std::string_view bytes, content(i));
      for (std::uint64_t at = 0; at + sizeof(Elf64_Rela) <= bytes.size();
           at += sizeof(Elf64_Rela)) {
        const Elf64_Rela raw = *read_at<Elf64_Rela>(bytes, at);
        ObjectRelocation relocation{
            raw.r_offset, static_cast<std::uint32_t>(ELF64_R_TYPE(raw.r_info)),
            static_cast<std::uint32_t>(ELF64_R_SYM(raw.r_info)), raw.r_addend};
        if (relocation.symbol >= object_.symbols_.size()) return corrupt("symbol of a relocation");
        if (relocation.offset >= section.size) return corrupt("place of a relocation");
        section.relocations.push_back(relocation);
      }
      std::stable_sort(section.relocations.begin(), section.relocations.end(),
                       [](const auto& a, const auto& b) { return a.offset < b.offset; });
    }
    return {};
  }

  std::string_view bytes_;
  std::vector<Elf64_Shdr> heads_;
  std::uint64_t names_at_ = 0;
  std::uint64_t symbols_of_ = 0;
  Object object_;
};

bool ObjectSection::is_allocated() const {
  return (flags & SHF_ALLOC) != 0;
}
bool ObjectSection::is_code() const {
  return is_allocated() && (flags & SHF_EXECINSTR) != 0;
}
bool ObjectSection::is_writable() const {
  return is_allocated() && (flags & SHF_WRITE) != 0;
}

Result<Object> Object::open(std::string_view bytes) {
  return ObjectReader(bytes).read();
}

const ObjectSymbol* Object::function_at_start(std::size_t section) const {
  const ObjectSymbol* found = nullptr;
  for (const ObjectSymbol& symbol : symbols_) {
    const bool is_it = symbol.type == STT_FUNC && symbol.section == section && symbol.value == 0;
    // A global name says more than a local alias of it.
    if (is_it && (found == nullptr || found->is_local())) found = &symbol;
  }
  return found;
}

}  // namespace nines::elf
