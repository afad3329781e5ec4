// The file of a patch (".nlp"): what was compiled before and after a fix, and for which programs.
// One manifest in JSON, behind it the objects as they are. It is handed from host to host:
// everything in it is checked before anything else looks at it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/livepatch/patch_input.h"
#include "base/result.h"

namespace nines::livepatch {

/// A program or library that the fix goes into.
struct PatchTarget {
  std::string path;                  ///< where the build put it; for people
  std::string build_id;              ///< lower hexadecimal digits; it is for this build alone
  std::vector<std::size_t> objects;  ///< which of the patch's are in it
};

struct Patch {
  std::string name;                  ///< "redis-CVE-2025-49844"
  std::string cve;                   ///< or empty
  std::string description;           ///< first lines of the diff, or empty
  std::vector<ObjectInput> objects;  ///< by file of the source
  std::vector<PatchTarget> targets;
};

inline constexpr std::size_t kMostObjects = 10'000;
inline constexpr std::size_t kMostTargets = 1'000;
/// No manifest, and no object, is longer.
inline constexpr std::size_t kLongestManifest = std::size_t{16} << 20;
inline constexpr std::size_t kLongestObject = std::size_t{256} << 20;

/// The bytes of the file; the same for the same patch.
std::string encode(const Patch& patch);

/// @errors kCorrupt: names what is wrong. kUnsupported: of a later version.
Result<Patch> decode_patch(std::string_view bytes);

/// 32 hexadecimal digits that tell it from every other one.
std::string patch_id(std::string_view bytes);

}  // namespace nines::livepatch
