#include "elf/symbols.h"

#include <cxxabi.h>
#include <gelf.h>
#include <lzma.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace nines::elf {
namespace {

constexpr std::size_t kMaxMiniDebugInfo = std::size_t{64} << 20;
constexpr std::uint64_t kMaxLzmaMemory = std::uint64_t{128} << 20;
constexpr std::size_t kMaxMangled = 16 << 10;  // the demangler recurses

struct Candidate {
  GElf_Sym symbol{};
  std::size_t strings = 0;  ///< the section with its name
  bool found = false;
};

/// Data, too: a jump into it is what some crashes are about.
bool is_place(const GElf_Sym& symbol) {
  const auto type = GELF_ST_TYPE(symbol.st_info);
  return symbol.st_shndx != SHN_UNDEF && symbol.st_shndx < SHN_LORESERVE &&
         (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE || type == STT_OBJECT);
}

int rank_of(const GElf_Sym& symbol) {
  switch (GELF_ST_BIND(symbol.st_info)) {
    case STB_GLOBAL: return 2;
    case STB_WEAK: return 1;
    default: return 0;
  }
}

/// What contains the address more closely, then what more files can see.
bool better(const GElf_Sym& one, const Candidate& than) {
  if (!than.found) return true;
  if ((one.st_size != 0) != (than.symbol.st_size != 0)) return one.st_size != 0;
  if (one.st_value != than.symbol.st_value) return one.st_value > than.symbol.st_value;
  return rank_of(one) > rank_of(than.symbol);
}

class Finder {
 public:
  Finder(Elf* elf, const std::vector<std::uint64_t>& addresses)
      : elf_(elf),
        addresses_(addresses),
        candidates_(addresses.size()),
        nearest_(addresses.size()) {}

  void scan(Elf_Scn* section, const GElf_Shdr& header) {
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || header.sh_entsize == 0) return;
    const std::size_t count = header.sh_size / header.sh_entsize;
    for (std::size_t i = 0; i < count; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
      if (is_place(symbol)) offer(symbol, header.sh_link);
    }
  }

  std::map<std::uint64_t, Symbol> names() {
    place_sizeless();
    std::map<std::uint64_t, Symbol> result;
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      const Candidate& found = candidates_[i];
      if (!found.found) continue;
      const char* name = elf_strptr(elf_, found.strings, found.symbol.st_name);
      if (name == nullptr || *name == '\0') continue;
      // Linkers append the version of a symbol to its name in the full table.
      const std::string_view whole(name);
      result[addresses_[i]] = {std::string(whole.substr(0, whole.find('@'))), found.symbol.st_value,
                               found.symbol.st_size};
    }
    return result;
  }

 private:
  void offer(const GElf_Sym& symbol, std::size_t strings) {
    if (symbol.st_size == 0) {
      sizeless_.push_back({symbol, strings, true});
      return;
    }
    const auto first = std::lower_bound(addresses_.begin(), addresses_.end(), symbol.st_value);
    if (first == addresses_.end()) return;
    std::uint64_t& nearest = nearest_[static_cast<std::size_t>(first - addresses_.begin())];
    nearest = std::max(nearest, symbol.st_value);
    for (auto at = first; at != addresses_.end() && *at - symbol.st_value < symbol.st_size; ++at) {
      Candidate& best = candidates_[static_cast<std::size_t>(at - addresses_.begin())];
      if (better(symbol, best)) best = {symbol, strings, true};
    }
  }

  void place_sizeless() {
    std::stable_sort(sizeless_.begin(), sizeless_.end(), [](const auto& a, const auto& b) {
      if (a.symbol.st_value != b.symbol.st_value) return a.symbol.st_value < b.symbol.st_value;
      return rank_of(a.symbol) < rank_of(b.symbol);
    });
    std::uint64_t last = 0;  // the nearest that has a size before each address
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      last = std::max(last, nearest_[i]);
      if (candidates_[i].found) continue;
      auto after = std::upper_bound(
          sizeless_.begin(), sizeless_.end(), addresses_[i],
          [](std::uint64_t address, const auto& c) { return address < c.symbol.st_value; });
      if (after == sizeless_.begin()) continue;
      const Candidate& before = *--after;
      GElf_Shdr section;
      Elf_Scn* its = elf_getscn(elf_, before.symbol.st_shndx);
      if (its == nullptr || gelf_getshdr(its, &section) == nullptr) continue;
      const bool code = (section.sh_flags & SHF_EXECINSTR) != 0;
      if (code && before.symbol.st_value >= last &&
          addresses_[i] - section.sh_addr < section.sh_size) {
        candidates_[i] = before;
      }
    }
  }

  Elf* elf_;
  const std::vector<std::uint64_t>& addresses_;
  std::vector<Candidate> candidates_;
  std::vector<Candidate> sizeless_;
  std::vector<std::uint64_t>
      nearest_;  ///< start of the last symbol between this address and the one before
};

/// Calls `each` for the sections with symbols until it returns true.
template <typename Function>
void each_symbol_table(Elf* elf, Function each) {
  // The full table first: the dynamic one holds nothing that it does not.
  for (const GElf_Word type : {SHT_SYMTAB, SHT_DYNSYM}) {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
      GElf_Shdr header;
      if (gelf_getshdr(section, &header) == nullptr || header.sh_type != type) continue;
      if (each(section, header)) return;
    }
  }
}

}  // namespace

std::map<std::uint64_t, Symbol> find_symbols(const Image& image,
                                             const std::vector<std::uint64_t>& addresses) {
  Finder finder(image.elf(), addresses);
  each_symbol_table(image.elf(), [&](Elf_Scn* section, const GElf_Shdr& header) {
    finder.scan(section, header);
    return header.sh_type == SHT_SYMTAB;
  });
  return finder.names();
}

std::optional<std::uint64_t> find_address(const Image& image, std::string_view name) {
  std::optional<std::uint64_t> address;
  each_symbol_table(image.elf(), [&](Elf_Scn* section, const GElf_Shdr& header) {
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || header.sh_entsize == 0) return false;
    for (std::size_t i = 0; i < header.sh_size / header.sh_entsize && !address; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
      if (symbol.st_shndx == SHN_UNDEF) continue;
      const char* its_name = elf_strptr(image.elf(), header.sh_link, symbol.st_name);
      if (its_name != nullptr && name == its_name) address = symbol.st_value;
    }
    return address.has_value();
  });
  return address;
}

std::string mini_debug_info(const Image& image) {
  const std::string_view packed = image.section(".gnu_debugdata");
  if (packed.empty()) return {};
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMaxLzmaMemory, 0) != LZMA_OK) return {};
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> end(&stream, lzma_end);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  std::string file;
  while (file.size() < kMaxMiniDebugInfo) {
    const std::size_t done = file.size();
    constexpr std::size_t kStep = 1 << 20;
    file.resize(done + kStep);
    stream.next_out = reinterpret_cast<std::uint8_t*>(file.data() + done);
    stream.avail_out = kStep;
    const lzma_ret status = lzma_code(&stream, LZMA_FINISH);
    file.resize(done + kStep - stream.avail_out);
    if (status == LZMA_STREAM_END) return file;
    if (status != LZMA_OK) return {};
  }
  return {};
}

std::string demangle(const std::string& name) {
  return name.starts_with("_Z") ? demangle_type(name) : name;
}

std::string demangle_type(const std::string& name) {
  if (name.size() > kMaxMangled) return name;
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && plain ? plain.get() : name;
}

}  // namespace nines::elf
