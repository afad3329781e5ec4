#include "app/livepatch/patch_file.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "elf/byte_reader.h"

namespace nines::livepatch {
namespace {

using nlohmann::json;

// 8 bytes of mark, 8 of the manifest's length, the manifest, the objects in its order.
constexpr std::string_view kMark = "NINESLP\x01";
constexpr int kVersion = 1;
constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kLongestBuildId = 128;
constexpr std::size_t kMostFunctions = 100'000;

Error corrupt(std::string_view what) {
  return Error(ErrorCode::kCorrupt, "read patch").with_detail(std::string(what));
}

std::optional<std::string> text_in(const json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_string()) return std::nullopt;
  std::string text = at->get<std::string>();
  return text.size() <= kLongestText ? std::optional(std::move(text)) : std::nullopt;
}

std::optional<std::uint64_t> number_in(const json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_number_unsigned()) return std::nullopt;
  return at->get<std::uint64_t>();
}

const json* list_in(const json& object, const char* name, std::size_t most) {
  const auto at = object.find(name);
  return at != object.end() && at->is_array() && at->size() <= most ? &*at : nullptr;
}

bool is_build_id(const std::string& text) {
  return !text.empty() && text.size() <= kLongestBuildId && text.size() % 2 == 0 &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// Takes the objects one by one from what is behind the manifest.
class Blobs {
 public:
  explicit Blobs(std::string_view bytes) : bytes_(bytes) {}
  std::optional<std::string> take(std::uint64_t size) {
    if (size > kLongestObject || size > bytes_.size()) return std::nullopt;
    std::string blob(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return blob;
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

Result<ObjectInput> object_from(const json& entry, Blobs* blobs) {
  if (!entry.is_object()) return corrupt("an object is no JSON object");
  auto name = text_in(entry, "name");
  if (!name) return corrupt("an object has no name");
  ObjectInput object;
  object.name = std::move(*name);
  const json* only = list_in(entry, "only", kMostFunctions);
  if (only == nullptr) return corrupt("an object lacks the list of its functions");
  for (const json& function : *only) {
    if (!function.is_string()) return corrupt("a function has no name");
    object.only.push_back(function.get<std::string>());
  }
  const std::pair<const char*, std::string*> parts[] = {
      {"pre", &object.pre}, {"original", &object.original}, {"patched", &object.patched}};
  for (const auto& [member, bytes] : parts) {
    const auto size = number_in(entry, member);
    if (!size || *size == 0) return corrupt("an object has no size");
    auto blob = blobs->take(*size);
    if (!blob) return corrupt("cut off in the objects");
    *bytes = std::move(*blob);
  }
  return object;
}

Result<PatchTarget> target_from(const json& entry, std::size_t objects) {
  if (!entry.is_object()) return corrupt("a target is no JSON object");
  PatchTarget target;
  auto path = text_in(entry, "path"), build_id = text_in(entry, "build_id");
  const json* list = list_in(entry, "objects", kMostObjects);
  if (!path || !build_id || !is_build_id(*build_id) || list == nullptr || list->empty()) {
    return corrupt("a target has no path, build-id or objects");
  }
  target.path = std::move(*path);
  target.build_id = std::move(*build_id);
  for (const json& one : *list) {
    if (!one.is_number_unsigned() || one.get<std::uint64_t>() >= objects) {
      return corrupt("a target names an object that is not there");
    }
    target.objects.push_back(one.get<std::size_t>());
  }
  return target;
}

}  // namespace

std::string encode(const Patch& patch) {
  json objects = json::array(), targets = json::array();
  for (const ObjectInput& object : patch.objects) {
    objects.push_back({{"name", object.name},
                       {"pre", object.pre.size()},
                       {"original", object.original.size()},
                       {"patched", object.patched.size()},
                       {"only", object.only}});
  }
  for (const PatchTarget& target : patch.targets) {
    targets.push_back(
        {{"path", target.path}, {"build_id", target.build_id}, {"objects", target.objects}});
  }
  const std::string manifest = json{
      {"version", kVersion},
      {"name", patch.name},
      {"cve", patch.cve},
      {"description", patch.description},
      {"objects", std::move(objects)},
      {"targets",
       std::move(targets)}}.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string bytes(kMark);
  const std::uint64_t size = manifest.size();
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes += manifest;
  for (const ObjectInput& object : patch.objects) {
    bytes += object.pre + object.original + object.patched;
  }
  return bytes;
}

Result<Patch> decode_patch(std::string_view bytes) {
  if (!bytes.starts_with(kMark)) return corrupt("no patch of nines");
  const auto size = elf::read_at<std::uint64_t>(bytes, kMark.size());
  const std::size_t head = kMark.size() + sizeof(std::uint64_t);
  if (!size || *size > kLongestManifest || *size > bytes.size() - head) {
    return corrupt("cut off in the manifest");
  }
  const json manifest = json::parse(bytes.substr(head, *size), nullptr, false);
  if (!manifest.is_object()) return corrupt("the manifest is no JSON object");
  const auto version = number_in(manifest, "version");
  if (!version) return corrupt("the manifest has no version");
  if (*version != kVersion) {
    return Error(ErrorCode::kUnsupported, "read patch")
        .with_detail(fmt::format("of version {}; this one knows {}", *version, kVersion));
  }
  Patch patch;
  auto name = text_in(manifest, "name"), cve = text_in(manifest, "cve"),
       description = text_in(manifest, "description");
  const json* objects = list_in(manifest, "objects", kMostObjects);
  const json* targets = list_in(manifest, "targets", kMostTargets);
  if (!name || !cve || !description || objects == nullptr || targets == nullptr) {
    return corrupt("the manifest lacks a member, or has too much of one");
  }
  patch.name = std::move(*name);
  patch.cve = std::move(*cve);
  patch.description = std::move(*description);
  Blobs blobs(bytes.substr(head + *size));
  for (const json& entry : *objects) {
    NINES_ASSIGN(ObjectInput object, object_from(entry, &blobs));
    patch.objects.push_back(std::move(object));
  }
  if (!blobs.empty()) return corrupt("more behind the last object");
  for (const json& entry : *targets) {
    NINES_ASSIGN(PatchTarget target, target_from(entry, patch.objects.size()));
    patch.targets.push_back(std::move(target));
  }
  return patch;
}

std::string patch_id(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace nines::livepatch
