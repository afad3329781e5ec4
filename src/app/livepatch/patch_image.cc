#include "app/livepatch/patch_image.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "app/livepatch/frame_subset.h"

namespace nines::livepatch {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kSlot = 8;
constexpr std::uint64_t kStub = 16;
constexpr std::uint64_t kFramesAlignment = 8;
constexpr std::string_view kJumpToNextWord{"\xff\x25\0\0\0\0", 6};

std::uint64_t align(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

template <typename T>
void put(std::string& to, std::uint64_t at, const T& value) {
  std::memcpy(to.data() + at, &value, sizeof value);
}

}  // namespace

PatchImage::PatchImage(const std::vector<PatchUnit>& units, std::uint64_t most_registry)
    : units_(units) {
  std::uint64_t at = align(kRegistryOffset + most_registry, kFramesAlignment);
  frames_offset_ = at;
  std::uint64_t stubs = 0, slots = 0;
  for (const PatchUnit& unit : units) {
    const auto wanted = [&](std::size_t section) {
      return std::binary_search(unit.diff.included.begin(), unit.diff.included.end(), section);
    };
    frames_size_ += frames_of(*unit.patched, wanted).bytes.size();
    for (const std::size_t index : unit.diff.included) {
      for (const auto& relocation : unit.patched->sections()[index].relocations) {
        const auto use = use_of(relocation.type);
        stubs += use == Use::kCall ? 1 : 0;
        slots += use == Use::kSlot || use == Use::kThreadSlot ? 1 : 0;
      }
    }
  }
  at += frames_size_ + sizeof(Elf64_Word);  // its end mark
  // Three section headers and their names.
  at = align(at, kFramesAlignment) + 3 * sizeof(Elf64_Shdr) + 32;
  place(at, [](const auto& s) { return !s.code() && (s.flags & SHF_WRITE) == 0; });
  code_ = at = align(at, kPage);
  place(at, [](const auto& s) { return s.code(); });
  stubs_ = at = align(at, kStub);
  at += stubs * kStub;
  data_ = at = align(at, kPage);
  slots_ = at;
  at += slots * kSlot;
  place(at, [](const auto& s) { return !s.code() && (s.flags & SHF_WRITE) != 0; });
  end_ = std::max(align(at, kPage), data_ + kPage);
}

void PatchImage::place(std::uint64_t& at,
                       const std::function<bool(const elf::ObjectSection&)>& wanted) {
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    for (const std::size_t index : units_[unit].diff.included) {
      const elf::ObjectSection& section = units_[unit].patched->sections()[index];
      if (!wanted(section)) continue;
      at = align(at, section.alignment);
      offsets_[{unit, index}] = at;
      at += section.size;
    }
  }
}

std::uint64_t PatchImage::offset_of(std::size_t unit, std::size_t section) const {
  return offsets_.at({unit, section});
}

Result<std::string> PatchImage::link(std::uint64_t start, const Registry& registry) {
  start_ = start;
  next_stub_ = stubs_;
  next_slot_ = slots_;
  known_stubs_.clear();
  known_slots_.clear();
  bytes_.assign(end_, '\0');
  std::fill(bytes_.begin() + static_cast<std::ptrdiff_t>(code_),
            bytes_.begin() + static_cast<std::ptrdiff_t>(data_), '\xcc');
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    for (const std::size_t index : units_[unit].diff.included) {
      NINES_TRY(link_section(unit, index));
    }
  }
  NINES_TRY(link_frames());
  write_headers(registry);
  return std::move(bytes_);
}

Status PatchImage::link_section(std::size_t unit, std::size_t index) {
  const elf::ObjectSection& section = units_[unit].patched->sections()[index];
  const std::uint64_t offset = offset_of(unit, index);
  std::string bytes(section.bytes);
  bytes.resize(section.size, '\0');
  for (const elf::ObjectRelocation& relocation : section.relocations) {
    if (relocation.type == R_X86_64_NONE) continue;
    NINES_ASSIGN(const std::uint64_t value, value_for(unit, relocation));
    Status applied = apply_relocation(relocation, bytes, start_ + offset, value);
    if (!applied) {
      const std::string& name = units_[unit].patched->symbols()[relocation.symbol].name;
      return std::move(applied).in("link " + section.name + " with " + name);
    }
  }
  bytes_.replace(offset, bytes.size(), bytes);
  return {};
}

Result<std::uint64_t> PatchImage::value_for(std::size_t unit,
                                            const elf::ObjectRelocation& relocation) {
  const elf::ObjectSymbol& symbol = units_[unit].patched->symbols()[relocation.symbol];
  const auto use = use_of(relocation.type);
  if (!use) {
    return Error(ErrorCode::kUnsupported, "link")
        .with_detail("relocation type " + std::to_string(relocation.type));
  }
  std::uint64_t value = 0;
  const auto own = symbol.in_section() ? offsets_.find({unit, symbol.index}) : offsets_.end();
  if (own != offsets_.end()) {
    value = start_ + own->second + symbol.value;
  } else {
    // What one changed object uses of another that is new there.
    bool found = false;
    for (std::size_t other = 0; !symbol.in_section() && other < units_.size() && !found; ++other) {
      const elf::ObjectSymbol* defined = units_[other].patched->find(symbol.name);
      if (defined == nullptr || defined->binding == STB_LOCAL) continue;
      const auto there = offsets_.find({other, defined->index});
      if (there == offsets_.end()) continue;
      value = start_ + there->second + defined->value;
      found = true;
    }
    if (!found) {
      NINES_ASSIGN(value, units_[unit].resolve(*use, symbol));
    }
  }
  if (*use == Use::kSlot || *use == Use::kThreadSlot) return slot_with(value);
  constexpr std::uint64_t kReach = (1ULL << 31) - (64 << 20);
  const std::uint64_t here = start_ + code_;
  const bool far = (value > here ? value - here : here - value) > kReach;
  return *use == Use::kCall && far ? stub_to(value) : value;
}

std::uint64_t PatchImage::slot_with(std::uint64_t value) {
  const auto [slot, added] = known_slots_.emplace(value, next_slot_);
  if (added) {
    put(bytes_, next_slot_, value);
    next_slot_ += kSlot;
  }
  return start_ + slot->second;
}

std::uint64_t PatchImage::stub_to(std::uint64_t target) {
  const auto [stub, added] = known_stubs_.emplace(target, next_stub_);
  if (added) {
    bytes_.replace(next_stub_, kJumpToNextWord.size(), kJumpToNextWord);
    put(bytes_, next_stub_ + kJumpToNextWord.size(), target);
    next_stub_ += kStub;
  }
  return start_ + stub->second;
}

Status PatchImage::link_frames() {
  std::uint64_t at = frames_offset_;
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    FrameSubset subset = frames_of(*units_[unit].patched, [&](std::size_t section) {
      return offsets_.contains({unit, section});
    });
    for (const elf::ObjectRelocation& relocation : subset.relocations) {
      NINES_ASSIGN(const std::uint64_t value, value_for(unit, relocation));
      NINES_TRY(apply_relocation(relocation, subset.bytes, start_ + at, value));
    }
    bytes_.replace(at, subset.bytes.size(), subset.bytes);
    at += subset.bytes.size();
  }
  return {};
}

void PatchImage::write_headers(const Registry& registry) {
  constexpr std::string_view kNames{"\0.eh_frame\0.shstrtab\0", 21};
  const std::uint64_t headers =
      align(frames_offset_ + frames_size_ + sizeof(Elf64_Word), kFramesAlignment);
  const std::uint64_t names = headers + 3 * sizeof(Elf64_Shdr);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_shoff = headers;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 3;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  put(bytes_, 0, header);
  const std::array<Elf64_Phdr, 3> segments = {{
      {PT_LOAD, PF_R, 0, 0, 0, code_, code_, kPage},
      {PT_LOAD, PF_R | PF_X, code_, code_, code_, data_ - code_, data_ - code_, kPage},
      {PT_LOAD, PF_R | PF_W, data_, data_, data_, end_ - data_, end_ - data_, kPage},
  }};
  put(bytes_, header.e_phoff, segments);
  const std::array<Elf64_Shdr, 3> sections = {{
      {},
      {1, SHT_PROGBITS, SHF_ALLOC, frames_offset_, frames_offset_,
       frames_size_ + sizeof(Elf64_Word), 0, 0, kFramesAlignment, 0},
      {11, SHT_STRTAB, 0, 0, names, kNames.size(), 0, 0, 1, 0},
  }};
  put(bytes_, headers, sections);
  bytes_.replace(names, kNames.size(), kNames);
  const std::string encoded = encode_registry(registry);
  bytes_.replace(kRegistryOffset, encoded.size(), encoded);
}

}  // namespace nines::livepatch
