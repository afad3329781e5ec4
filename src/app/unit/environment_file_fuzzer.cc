#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "app/unit/environment_file.h"
#include "app/unit/syntax.h"
#include "app/unit/value.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto contents = nines::unit::load_environment_file(text);
  for (const auto& [key, value] : contents.variables) {
    // What execve(2) is given must be a variable.
    const bool sound = nines::unit::valid_variable_name(key) && value.size() <= text.size() &&
                       value.find('\0') == std::string::npos &&
                       nines::unit::valid_utf8_prefix(value) == value.size();
    if (!sound) std::abort();
  }
  for (const auto& remark : contents.skipped) {
    if (remark.line < 1 || remark.message.empty()) std::abort();
  }
  return 0;
}
