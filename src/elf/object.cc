#include "elf/object.h"

#include <algorithm>
#include <bit>
#include <map>

#include "elf/byte_reader.h"

namespace nines::elf {
namespace {

constexpr std::uint64_t kMostSections = 60'000;
constexpr std::uint64_t kMostSymbols = 4'000'000;
constexpr std::uint64_t kMostAlignment = 1 << 20;
constexpr std::uint64_t kMostSize = 1ULL << 30;

Error corrupt(std::string what) {
  return Error(ErrorCode::kCorrupt, "read object file").with_detail(std::move(what));
}

Error unsupported(std::string what) {
  return Error(ErrorCode::kUnsupported, "read object file").with_detail(std::move(what));
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  Status read(std::vector<ObjectSection>& sections, std::vector<ObjectSymbol>& symbols) {
    NINES_TRY(read_header());
    NINES_TRY(read_sections(sections));
    for (std::size_t i = 0; i < headers_.size(); ++i) {
      if (headers_[i].sh_type == SHT_SYMTAB) NINES_TRY(read_symbols(headers_[i], symbols));
      if (headers_[i].sh_type == SHT_GROUP) NINES_TRY(read_group(headers_[i], sections));
    }
    if (symbols.empty()) symbols.emplace_back();
    for (const Elf64_Shdr& header : headers_) {
      if (header.sh_type == SHT_REL) return unsupported("relocations without addends");
      if (header.sh_type == SHT_RELA) {
        NINES_TRY(read_relocations(header, sections, symbols.size()));
      }
    }
    forget_labels(sections, symbols);
    return {};
  }

 private:
  /// The assembler leaves its own labels (".LC12", of literals) where a linker may merge what they
  /// name. Their numbers mean nothing: who refers to one then refers to its section.
  static void forget_labels(std::vector<ObjectSection>& sections,
                            std::vector<ObjectSymbol>& symbols) {
    std::map<std::uint16_t, std::size_t> of_sections;
    const std::size_t count = symbols.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (symbols[i].type == STT_SECTION) of_sections.emplace(symbols[i].index, i);
    }
    for (ObjectSection& section : sections) {
      for (ObjectRelocation& relocation : section.relocations) {
        const ObjectSymbol label = symbols[relocation.symbol];
        if (!is_label(label)) continue;
        const auto [known, fresh] = of_sections.emplace(label.index, symbols.size());
        if (fresh) symbols.push_back({"", 0, 0, label.index, STT_SECTION, STB_LOCAL});
        relocation.symbol = known->second;
        relocation.addend += static_cast<std::int64_t>(label.value);
      }
    }
    for (ObjectSymbol& symbol : symbols) {
      if (is_label(symbol)) symbol.name.clear();
    }
  }

  static bool is_label(const ObjectSymbol& symbol) {
    return symbol.binding == STB_LOCAL && symbol.in_section() && symbol.name.starts_with(".L");
  }

  Status read_header() {
    const auto header = read_at<Elf64_Ehdr>(bytes_, 0);
    if (!header || bytes_.substr(0, SELFMAG) != ELFMAG) return corrupt("no ELF file");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != EM_X86_64) {
      return unsupported("not of x86-64");
    }
    if (header->e_type != ET_REL) return unsupported("not relocatable");
    if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 ||
        header->e_shnum > kMostSections || header->e_shstrndx >= header->e_shnum) {
      return corrupt("section headers");
    }
    for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
      const std::uint64_t offset = i * sizeof(Elf64_Shdr);
      const auto section = header->e_shoff > bytes_.size()
                               ? std::nullopt
                               : read_at<Elf64_Shdr>(bytes_, header->e_shoff + offset);
      if (!section) return corrupt("section headers are cut off");
      headers_.push_back(*section);
    }
    names_ = header->e_shstrndx;
    return {};
  }

  std::optional<std::string_view> content(const Elf64_Shdr& header) const {
    if (header.sh_type == SHT_NOBITS) return std::string_view();
    return slice(bytes_, header.sh_offset, header.sh_size);
  }

  Status read_sections(std::vector<ObjectSection>& sections) {
    const auto names = content(headers_[names_]);
    if (!names) return corrupt("section names");
    for (const Elf64_Shdr& header : headers_) {
      ObjectSection section;
      if (header.sh_type != SHT_NULL) {
        const auto name = text_at(*names, header.sh_name);
        const auto bytes = content(header);
        const std::uint64_t alignment = std::max<std::uint64_t>(header.sh_addralign, 1);
        if (!name || !bytes || header.sh_size > kMostSize || !std::has_single_bit(alignment) ||
            alignment > kMostAlignment) {
          return corrupt("a section");
        }
        section.name = *name;
        section.type = header.sh_type;
        section.flags = header.sh_flags;
        section.size = header.sh_size;
        section.alignment = alignment;
        section.entry_size = header.sh_entsize;
        section.bytes = *bytes;
        if (section.name.starts_with(".gnu.lto_")) return unsupported("link time optimization");
      }
      sections.push_back(std::move(section));
    }
    return {};
  }

  Status read_symbols(const Elf64_Shdr& header, std::vector<ObjectSymbol>& symbols) {
    if (!symbols.empty()) return corrupt("two symbol tables");
    if (header.sh_link >= headers_.size()) return corrupt("symbol names");
    const auto names = content(headers_[header.sh_link]);
    const auto table = content(header);
    if (!names || !table || table->size() / sizeof(Elf64_Sym) > kMostSymbols) {
      return corrupt("symbols");
    }
    for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= table->size(); at += sizeof(Elf64_Sym)) {
      const auto raw = read_at<Elf64_Sym>(*table, at);
      const auto name = raw ? text_at(*names, raw->st_name) : std::nullopt;
      if (!name) return corrupt("a symbol");
      if (raw->st_shndx == SHN_XINDEX) return unsupported("more than 65,279 sections");
      if (raw->st_shndx < SHN_LORESERVE && raw->st_shndx >= headers_.size()) {
        return corrupt("a symbol's section");
      }
      ObjectSymbol symbol;
      symbol.name = *name;
      symbol.value = raw->st_value;
      symbol.size = raw->st_size;
      symbol.index = raw->st_shndx;
      symbol.type = ELF64_ST_TYPE(raw->st_info);
      symbol.binding = ELF64_ST_BIND(raw->st_info);
      if (symbol.in_section() && symbol.value > headers_[symbol.index].sh_size) {
        return corrupt("a symbol outside of its section");
      }
      // Some assemblers name them.
      if (symbol.type == STT_SECTION) symbol.name.clear();
      symbols.push_back(std::move(symbol));
    }
    return {};
  }

  Status read_group(const Elf64_Shdr& header, std::vector<ObjectSection>& sections) const {
    const auto members = content(header);
    if (!members) return corrupt("a group");
    for (std::uint64_t at = sizeof(Elf64_Word); at < members->size(); at += sizeof(Elf64_Word)) {
      const auto member = read_at<Elf64_Word>(*members, at);
      if (!member || *member >= sections.size()) return corrupt("a group's member");
      sections[*member].group = true;
    }
    return {};
  }

  Status read_relocations(const Elf64_Shdr& header, std::vector<ObjectSection>& sections,
                          std::size_t symbols) const {
    const auto table = content(header);
    if (!table || header.sh_info >= sections.size()) return corrupt("relocations");
    ObjectSection& section = sections[header.sh_info];
    for (std::uint64_t at = 0; at + sizeof(Elf64_Rela) <= table->size(); at += sizeof(Elf64_Rela)) {
      const auto raw = read_at<Elf64_Rela>(*table, at);
      if (!raw || raw->r_offset >= section.size || ELF64_R_SYM(raw->r_info) >= symbols) {
        return corrupt("a relocation");
      }
      section.relocations.push_back({raw->r_offset,
                                     static_cast<std::uint32_t>(ELF64_R_TYPE(raw->r_info)),
                                     ELF64_R_SYM(raw->r_info), raw->r_addend});
    }
    std::stable_sort(section.relocations.begin(), section.relocations.end(),
                     [](const auto& a, const auto& b) { return a.offset < b.offset; });
    return {};
  }

  std::string_view bytes_;
  std::vector<Elf64_Shdr> headers_;
  std::size_t names_ = 0;
};

}  // namespace

Result<Object> Object::parse(std::string_view bytes) {
  Object object;
  NINES_TRY(Reader(bytes).read(object.sections_, object.symbols_));
  return object;
}

const ObjectSymbol* Object::find(std::string_view name) const {
  const ObjectSymbol* found = nullptr;
  for (const ObjectSymbol& symbol : symbols_) {
    if (symbol.index == SHN_UNDEF || symbol.name != name) continue;
    if (found == nullptr || symbol.binding != STB_LOCAL) found = &symbol;
  }
  return found;
}

std::optional<std::size_t> Object::section(std::string_view name) const {
  for (std::size_t i = 1; i < sections_.size(); ++i) {
    if (sections_[i].name == name) return i;
  }
  return std::nullopt;
}

const ObjectSymbol* Object::symbol_at(std::size_t section, std::uint64_t offset) const {
  for (const ObjectSymbol& symbol : symbols_) {
    if (symbol.index != section || symbol.name.empty() || symbol.type == STT_FILE) continue;
    if (offset == symbol.value || (offset > symbol.value && offset - symbol.value < symbol.size)) {
      return &symbol;
    }
  }
  return nullptr;
}

}  // namespace nines::elf
