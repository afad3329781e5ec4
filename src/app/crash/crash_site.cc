#include "app/crash/crash_site.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/crash/signature.h"

namespace nines::crash {
namespace {

constexpr std::size_t kLongest = 200;

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// "void app::Queue<int>::push(int)" is long, and its arguments say little.
std::string without_parameters(const std::string& function) {
  // The last one: "operator()(int)" and "(anonymous namespace)::f()" have others before.
  std::size_t depth = 0;
  if (!function.ends_with(')')) return function;
  for (std::size_t i = function.size(); i-- > 0;) {
    if (function[i] == ')') ++depth;
    if (function[i] == '(' && --depth == 0) return i == 0 ? function : function.substr(0, i) + "()";
  }
  return function;
}

std::string name_of(const DiagnosedFrame& frame) {
  std::string name = without_parameters(frame.function);
  if (name.empty()) {
    name = frame.module.empty() ? fmt::format("{:#x}", frame.pc)
                                : fmt::format("{}+{:#x}", base_name(frame.module), frame.offset);
  }
  if (name.size() > kLongest) name = name.substr(0, kLongest - 3) + "...";
  std::replace_if(name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return name;
}

}  // namespace

std::string crash_site(const Diagnosis& diagnosis) {
  if (diagnosis.stacks.empty()) return {};
  const std::vector<DiagnosedFrame>& frames = diagnosis.stacks.front().frames;
  auto first = frames.begin();
  if (diagnosis.original_signal) {
    // What a handler did before it raised the signal again is no matter of the crash.
    const auto handler = std::find_if(frames.begin(), frames.end(),
                                      [](const DiagnosedFrame& frame) { return frame.signal; });
    if (handler != frames.end()) first = handler + 1;
  }
  const auto own = std::find_if(first, frames.end(), [](const DiagnosedFrame& frame) {
    return !frame.signal && !is_runtime(base_name(frame.module));
  });
  if (own != frames.end()) return name_of(*own);
  return first != frames.end() ? name_of(*first) : std::string();
}

std::string executable_build_id(const Diagnosis& diagnosis) {
  return diagnosis.modules.empty() ? std::string() : diagnosis.modules.front().build_id;
}

}  // namespace nines::crash
