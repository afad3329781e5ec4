#include "app/crash/signature.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace nines::crash {
namespace {

constexpr std::size_t kFrames = 5;
constexpr std::size_t kLongestCycle = 4;

std::string place_of(const trace::Frame& frame) {
  if (frame.module == nullptr) return "anonymous";
  const trace::ModuleView& module = *frame.module;
  return fmt::format("{}+{:#x}", module.build_id.empty() ? module.name() : module.build_id,
                     frame.pc - module.bias);
}

/// Takes away every repetition of what is right before it.
std::vector<std::string> without_cycles(const std::vector<std::string>& places) {
  std::vector<std::string> kept;
  for (const std::string& place : places) {
    kept.push_back(place);
    for (std::size_t length = 1; length <= kLongestCycle && 2 * length <= kept.size(); ++length) {
      const auto last = kept.end() - static_cast<std::ptrdiff_t>(length);
      if (std::equal(last, kept.end(), last - static_cast<std::ptrdiff_t>(length))) {
        kept.erase(last, kept.end());
        break;
      }
    }
  }
  return kept;
}

}  // namespace

bool is_runtime(std::string_view name) {
  constexpr std::array<std::string_view, 13> kNames = {
      "libc.so",      "libc-2.",      "libm.so",     "libpthread", "ld-linux",
      "ld-2.",        "libstdc++.so", "libgcc_s.so", "libc++.so",  "libc++abi.so",
      "libunwind.so", "librt.so",     "[vdso]"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view known) { return name.starts_with(known); });
}

std::string signature_id(std::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Signature signature_of(int signal, const trace::Stack& stack, std::size_t first) {
  std::vector<std::string> all, own;
  for (std::size_t i = first; i < stack.frames.size(); ++i) {
    const trace::Frame& frame = stack.frames[i];
    if (frame.trust == trace::Trust::kScan) break;
    if (frame.signal) continue;
    all.push_back(place_of(frame));
    const bool runtime = frame.module != nullptr && is_runtime(frame.module->name());
    if (!own.empty() || !runtime) own.push_back(all.back());
  }
  Signature signature;
  signature.frames = without_cycles(own.empty() ? all : own);
  if (signature.frames.size() > kFrames) signature.frames.resize(kFrames);
  std::string text = fmt::format("{}", signal);
  for (const std::string& place : signature.frames) text += "\n" + place;
  signature.id = signature_id(text);
  return signature;
}

}  // namespace nines::crash
