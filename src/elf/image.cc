#include "elf/image.h"

#include <fmt/format.h>
#include <gelf.h>

#include <array>

#include "elf/byte_reader.h"

namespace nines::elf {
namespace {

constexpr std::uint32_t kPolynomial = 0xedb88320;  // IEEE 802.3, reflected

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1) != 0 ? (value >> 1) ^ kPolynomial : value >> 1;
    }
    table[i] = value;
  }
  return table;
}

}  // namespace

Result<Image> Image::open(std::string_view bytes) {
  NINES_ASSIGN(Program program, parse_program(bytes));
  elf_version(EV_CURRENT);
  // libelf takes a pointer to what it could write to; of a file in memory it only reads.
  std::unique_ptr<Elf, End> elf(elf_memory(const_cast<char*>(bytes.data()), bytes.size()));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF) {
    return Error(ErrorCode::kCorrupt, "read ELF file").with_detail(elf_errmsg(-1));
  }
  return Image(bytes, std::move(program), std::move(elf));
}

bool Image::has_section(std::string_view name) const {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf_.get(), &names) != 0) return false;
  for (Elf_Scn* one = nullptr; (one = elf_nextscn(elf_.get(), one)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(one, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
    const char* its_name = elf_strptr(elf_.get(), names, header.sh_name);
    if (its_name != nullptr && name == its_name) return true;
  }
  return false;
}

std::string_view Image::section(std::string_view name) const {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf_.get(), &names) != 0) return {};
  for (Elf_Scn* one = nullptr; (one = elf_nextscn(elf_.get(), one)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(one, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
    const char* its_name = elf_strptr(elf_.get(), names, header.sh_name);
    if (its_name == nullptr || name != its_name) continue;
    if ((header.sh_flags & SHF_COMPRESSED) != 0 && elf_compress(one, 0, 0) < 0) return {};
    const Elf_Data* data = elf_getdata(one, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return {};
    return {static_cast<const char*>(data->d_buf), data->d_size};
  }
  return {};
}

std::optional<DebugLink> Image::debug_link() const {
  const std::string_view bytes = section(".gnu_debuglink");
  const auto name = text_at(bytes, 0);
  if (!name || name->empty() || name->find('/') != std::string_view::npos) return std::nullopt;
  const auto crc = read_at<std::uint32_t>(bytes, (name->size() + 4) & ~std::size_t{3});
  if (!crc) return std::nullopt;
  return DebugLink{std::string(*name), *crc};
}

std::optional<DebugAlternative> Image::debug_alternative() const {
  const std::string_view bytes = section(".gnu_debugaltlink");
  const auto name = text_at(bytes, 0);
  if (!name) return std::nullopt;
  DebugAlternative found{std::string(*name), {}};
  for (const char c : bytes.substr(name->size() + 1)) {
    found.build_id += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return found;
}

std::uint32_t debug_link_crc(std::string_view file) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char c : file) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

}  // namespace nines::elf
