// For tests only: what a test needs from the machine. Where it is missing the test is skipped, or
// fails when NINES_REQUIRE in the environment names it ("proc-connector,cgroup-memory" or "all").
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace nines::sys {

/// @return true if NINES_REQUIRE asks for `capability`.
inline bool test_requires(std::string_view capability) {
  const char* environment = std::getenv("NINES_REQUIRE");
  std::string_view list = environment == nullptr ? "" : environment;
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    if (item == capability || item == "all") return true;
    list.remove_prefix(std::min(item.size() + 1, list.size()));
  }
  return false;
}

}  // namespace nines::sys

/// Goes on when `available`; else ends the test: failed if it is required, skipped if not.
#define NINES_REQUIRE_OR_SKIP(capability, available, why)                         \
  do {                                                                            \
    if (!(available)) {                                                           \
      if (::nines::sys::test_requires(capability)) {                              \
        FAIL() << "required by NINES_REQUIRE: " << (capability) << ": " << (why); \
      }                                                                           \
      GTEST_SKIP() << "missing capability " << (capability) << ": " << (why);     \
    }                                                                             \
  } while (false)
