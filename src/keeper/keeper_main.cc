// nines-keeper: see keeper.h.

#include <cstdio>

#include "base/fault_point.h"
#include "keeper/keeper.h"

namespace {
constexpr int kExitUsage = 2;
constexpr int kExitFailure = 1;

int fail(const nines::Error& error, int code) {
  std::fprintf(stderr, "nines-keeper: %s\n", error.message().c_str());
  if (!error.hint().empty()) std::fprintf(stderr, "  %s\n", error.hint().c_str());
  return code;
}
}  // namespace

int main(int argc, char** argv) {
  if (const auto armed = nines::fault::arm_from_environment(); !armed) {
    return fail(armed.error(), kExitUsage);
  }
  auto options = nines::keeper::parse_options(argc, argv);
  if (!options) return fail(options.error(), kExitUsage);
  const auto code = nines::keeper::Keeper(std::move(*options)).run();
  return code ? *code : fail(code.error(), kExitFailure);
}
