#include "app/crash/essential_memory.h"

#include <elf.h>

#include <algorithm>
#include <set>

#include "app/crash/cxx_exception.h"
#include "elf/byte_reader.h"

namespace nines::crash {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kRedZone = 128;  // below the stack pointer; x86-64 psABI 3.2.2
constexpr std::size_t kMaxProgramHeaders = 128;
constexpr std::size_t kMaxDynamic = 512;
constexpr std::size_t kMaxLinkMaps = 4096;
constexpr std::uint64_t kNameBytes = 256;
constexpr std::size_t kMaxMappedFiles = 4096;
constexpr std::uint64_t kPointers = 16 << 10;     // of the crashing thread's stack that is followed
constexpr std::uint64_t kAllPointedTo = 2 << 20;  // what is kept because of them
constexpr std::uint64_t kOtherStack = 32 << 10;   // of a stack that was left for a signal handler
constexpr std::uint64_t kLibraryData = 64 << 10;

class Picker {
 public:
  Picker(const elf::CoreHead& head, const ReadMemory& read)
      : head_(head), read_(read), ranges_(std::max(head.aux(AT_PAGESZ).value_or(kPage), kPage)) {}

  PageRanges pick() && {
    stacks();
    for (const elf::CoreThread& thread : head_.threads) ranges_.add(thread.pc, 1);
    if (const auto vdso = head_.aux(AT_SYSINFO_EHDR)) add_segment(*vdso, kMostOfAStack);
    std::size_t files = 0;
    for (const elf::MappedFile& file : head_.files) {
      if (file.offset == 0 && ++files <= kMaxMappedFiles) ranges_.add(file.start, 1);
    }
    if (const auto debug = debug_structure()) link_maps(*debug);
    pointed_to();
    runtime_data();
    return std::move(ranges_);
  }

 private:
  void stacks() {
    const std::uint64_t share =
        std::clamp(kAllStacks / head_.threads.size(), kLeastOfAStack, kMostOfAStack);
    std::uint64_t left = kAllStacks;
    // The one that crashed is the first.
    for (const elf::CoreThread& thread : head_.threads) {
      const std::uint64_t from = thread.sp - std::min(thread.sp, kRedZone);
      const elf::CoreSegment* segment = head_.segment_at(from);
      if (segment == nullptr) segment = head_.segment_at(thread.sp);
      if (segment == nullptr) continue;
      const std::uint64_t start = std::max(from, segment->address);
      const std::uint64_t size =
          std::min({share, left, segment->address + segment->memory_size - start});
      ranges_.add(start, size);
      left -= size;
    }
  }

  /// What the crashing thread's registers and frames point to: the exception that nobody caught,
  /// the message of an abort, and where it stood before a signal handler got a stack of its own.
  void pointed_to() {
    const elf::CoreThread& thread = head_.threads.front();
    std::uint64_t left = kAllPointedTo;
    for (const std::uint64_t value : thread.dwarf_registers) follow(value, &left);
    const std::string stack = read_(thread.sp, kPointers);
    for (std::uint64_t at = 0; const auto word = elf::read_at<std::uint64_t>(stack, at); at += 8) {
      follow(*word, &left);
    }
  }

  void follow(std::uint64_t pointer, std::uint64_t* left) {
    const elf::CoreSegment* segment = head_.segment_at(pointer);
    // What cannot be written to is in its file.
    if (segment == nullptr || !segment->writable || !segment->readable || *left == 0) return;
    const bool stack = head_.aux(AT_RANDOM) && head_.segment_at(*head_.aux(AT_RANDOM)) == segment;
    const std::uint64_t end = segment->address + segment->memory_size;
    // The header of an exception comes before what points to it.
    const std::uint64_t start = pointer - std::min(pointer - segment->address, kRedZone);
    const std::uint64_t before = ranges_.bytes();
    ranges_.add(start, std::min(end - start, stack ? kOtherStack : 2 * kRedZone));
    *left -= std::min(*left, ranges_.bytes() - before);
    if (get<std::uint64_t>(pointer) == cxx::kClass) exception(pointer);
  }

  /// Its type, the types that is derived from, and the text of one with std::runtime_error's
  /// layout.
  void exception(std::uint64_t header) {
    if (const auto text = get<std::uint64_t>(header + cxx::kHeaderSize + cxx::kTextInError))
      ranges_.add(*text, kNameBytes);
    auto type = get<std::uint64_t>(header - cxx::kTypeBeforeHeader);
    for (int i = 0; type && head_.segment_at(*type) != nullptr && i < 4; ++i) {
      ranges_.add(*type, cxx::kTypeSize);
      if (const auto name = get<std::uint64_t>(*type + cxx::kNameInType))
        ranges_.add(*name, kNameBytes);
      type = get<std::uint64_t>(*type + cxx::kBaseInType);
    }
  }

  /// The data of the C library, where it keeps its last message.
  void runtime_data() {
    for (const elf::MappedFile& file : head_.files) {
      const std::string_view name = std::string_view(file.path).substr(file.path.rfind('/') + 1);
      const elf::CoreSegment* segment = head_.segment_at(file.start);
      if (!name.starts_with("libc.so") || segment == nullptr || !segment->writable) continue;
      ranges_.add(file.start, std::min(file.end - file.start, kLibraryData));
    }
  }

  void add_segment(std::uint64_t address, std::uint64_t most) {
    const elf::CoreSegment* segment = head_.segment_at(address);
    if (segment != nullptr) ranges_.add(segment->address, std::min(segment->memory_size, most));
  }

  template <typename T>
  std::optional<T> get(std::uint64_t address) const {
    return elf::read_at<T>(read_(address, sizeof(T)), 0);
  }

  /// The address of r_debug, by the program's own headers.
  std::optional<std::uint64_t> debug_structure() {
    const auto headers_at = head_.aux(AT_PHDR);
    const std::size_t count =
        std::min<std::uint64_t>(head_.aux(AT_PHNUM).value_or(0), kMaxProgramHeaders);
    if (!headers_at || count == 0) return std::nullopt;
    const std::string headers = read_(*headers_at, count * sizeof(Elf64_Phdr));
    ranges_.add(*headers_at, headers.size());
    std::uint64_t bias = 0;
    std::optional<std::uint64_t> dynamic;
    for (std::size_t i = 0; i < count; ++i) {
      const auto header = elf::read_at<Elf64_Phdr>(headers, i * sizeof(Elf64_Phdr));
      if (!header) return std::nullopt;
      if (header->p_type == PT_PHDR) bias = *headers_at - header->p_vaddr;
      if (header->p_type == PT_DYNAMIC) dynamic = header->p_vaddr;
    }
    if (!dynamic) return std::nullopt;
    return debug_entry(bias + *dynamic);
  }

  std::optional<std::uint64_t> debug_entry(std::uint64_t dynamic) {
    const std::string entries = read_(dynamic, kMaxDynamic * sizeof(Elf64_Dyn));
    for (std::size_t i = 0; i < kMaxDynamic; ++i) {
      const auto entry = elf::read_at<Elf64_Dyn>(entries, i * sizeof(Elf64_Dyn));
      if (!entry || entry->d_tag == DT_NULL) break;
      ranges_.add(dynamic + i * sizeof(Elf64_Dyn), sizeof(Elf64_Dyn));
      if (entry->d_tag == DT_DEBUG && entry->d_un.d_ptr != 0) return entry->d_un.d_ptr;
    }
    return std::nullopt;
  }

  void link_maps(std::uint64_t debug) {
    struct Debug {  // struct r_debug
      std::int32_t version;
      std::uint64_t map, brk;
      std::int32_t state;
      std::uint64_t base;
    };
    struct LinkMap {
      std::uint64_t address, name, dynamic, next, previous;
    };
    const auto head = get<Debug>(debug);
    if (!head) return;
    ranges_.add(debug, sizeof(Debug));
    std::set<std::uint64_t> seen;  // a hostile list has no end
    for (std::uint64_t at = head->map; at != 0 && seen.size() < kMaxLinkMaps;) {
      const auto map = get<LinkMap>(at);
      if (!map || !seen.insert(at).second) return;
      ranges_.add(at, sizeof(LinkMap));
      ranges_.add(map->name, kNameBytes);
      ranges_.add(map->dynamic, kMaxDynamic);
      at = map->next;
    }
  }

  const elf::CoreHead& head_;
  const ReadMemory& read_;
  PageRanges ranges_;
};

}  // namespace

PageRanges essential_memory(const elf::CoreHead& head, const ReadMemory& read) {
  return Picker(head, read).pick();
}

}  // namespace nines::crash
