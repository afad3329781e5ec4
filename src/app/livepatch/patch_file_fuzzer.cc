// A patch comes from another host. What is taken for one is the same after it was written again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "app/livepatch/patch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::livepatch;
  const auto patch = decode_patch({reinterpret_cast<const char*>(data), size});
  if (!patch) return 0;
  const auto again = decode_patch(encode(*patch));
  if (!again || again->objects.size() != patch->objects.size()) std::abort();
  for (const PatchTarget& target : patch->targets) {
    for (const std::size_t object : target.objects) {
      if (object >= patch->objects.size()) std::abort();
    }
  }
  return 0;
}
