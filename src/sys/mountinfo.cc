#include "sys/mountinfo.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace nines::sys {
namespace {

/// Space, tab, newline and backslash are written as \ooo.
std::string unescape(std::string_view text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::all_of(text.data() + i + 1, text.data() + i + 4, is_octal)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

std::optional<Mount> parse_mount(std::string_view line) {
  const auto fields = split(line, ' ');
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (dash - fields.begin() < 6 || fields.end() - dash < 4) return std::nullopt;
  Mount mount;
  const std::string_view id = fields[0];
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), mount.id);
  if (error != std::errc() || end != id.data() + id.size() || mount.id < 0) return std::nullopt;
  mount.device = fields[2];
  mount.root = unescape(fields[3]);
  mount.point = unescape(fields[4]);
  mount.type = dash[1];
  for (const auto option : split(dash[3], ',')) mount.options.emplace_back(option);
  return mount;
}

}  // namespace nines::sys
