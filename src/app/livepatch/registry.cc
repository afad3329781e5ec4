#include "app/livepatch/registry.h"

#include <cstring>

#include "elf/byte_reader.h"

namespace nines::livepatch {
namespace {

constexpr std::string_view kMagic = "NINESLP1";
constexpr std::uint32_t kMostFunctions = 65'536;
constexpr std::uint32_t kMostName = 4096;
constexpr std::uint64_t kMostBytes = 16 << 20;

template <typename T>
void put(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& to, std::string_view text) {
  put(to, static_cast<std::uint32_t>(text.size()));
  to += text;
}

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  bool take(T& value) {
    const auto read = elf::read_at<T>(bytes_, at_);
    if (!read) return false;
    value = *read;
    at_ += sizeof value;
    return true;
  }
  bool take(std::string& text) {
    std::uint32_t size = 0;
    if (!take(size) || size > kMostName) return false;
    const auto read = elf::slice(bytes_, at_, size);
    if (!read) return false;
    text = *read;
    at_ += size;
    return true;
  }

 private:
  std::string_view bytes_;
  std::uint64_t at_ = kMagic.size();
};

Error corrupt() {
  return Error(ErrorCode::kCorrupt, "read the patches of a process");
}

}  // namespace

std::string PatchedFunction::jump() const {
  std::string bytes = "\xe9";
  put(bytes, static_cast<std::uint32_t>(replacement - (entry + kJumpSize)));
  return bytes;
}

std::string encode_registry(const Registry& registry) {
  std::string bytes(kMagic);
  put_text(bytes, registry.name);
  put(bytes, static_cast<std::uint32_t>(registry.functions.size()));
  for (const PatchedFunction& function : registry.functions) {
    put_text(bytes, function.name);
    put(bytes, function.entry);
    put(bytes, function.replacement);
    put_text(bytes, function.before);
  }
  return bytes;
}

Result<Registry> decode_registry(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return corrupt();
  Registry registry;
  std::uint32_t count = 0;
  Decoder decoder(bytes);
  if (!decoder.take(registry.name) || !decoder.take(count) || count > kMostFunctions) {
    return corrupt();
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    PatchedFunction function;
    if (!decoder.take(function.name) || !decoder.take(function.entry) ||
        !decoder.take(function.replacement) || !decoder.take(function.before) ||
        function.before.size() != kJumpSize) {
      return corrupt();
    }
    registry.functions.push_back(std::move(function));
  }
  return registry;
}

Result<std::vector<PatchMapping>> find_patches(const std::vector<trace::Mapping>& mappings,
                                               const elf::Memory& memory) {
  std::vector<PatchMapping> found;
  for (const trace::Mapping& mapping : mappings) {
    if (!mapping.path.starts_with(kMappingPrefix)) continue;
    const auto start = static_cast<std::uint64_t>(mapping.start);
    const auto end = static_cast<std::uint64_t>(mapping.end);
    if (mapping.offset != 0) {
      if (!found.empty() && found.back().end == start) found.back().end = end;
      continue;
    }
    if (end - start > kMostBytes) return corrupt();
    std::string bytes(end - start, '\0');
    if (!memory.read(start, bytes.data(), bytes.size())) return corrupt();
    // Its patcher was killed before it wrote anything: only zeros, no functions.
    if (bytes.find_first_not_of('\0') == std::string::npos) {
      found.push_back({start, end, {}});
      continue;
    }
    NINES_ASSIGN(Registry registry,
                 decode_registry(std::string_view(bytes).substr(kRegistryOffset)));
    found.push_back({start, end, std::move(registry)});
  }
  return found;
}

}  // namespace nines::livepatch
