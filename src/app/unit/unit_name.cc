#include "app/unit/unit_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/unit/printable.h"

namespace nines::unit {
namespace {

constexpr std::size_t kMaxName = 255;  // UNIT_NAME_MAX - 1
constexpr std::string_view kTypes[] = {"service", "socket",    "target", "device",
                                       "mount",   "automount", "swap",   "timer",
                                       "path",    "slice",     "scope"};

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(":-_.\\").find(c) != std::string_view::npos;
}

Error invalid(std::string_view name, std::string detail) {
  return Error(ErrorCode::kInvalidArgument, "unit name", printable(name))
      .with_detail(std::move(detail));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool has_known_type(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  return std::find(std::begin(kTypes), std::end(kTypes), name.substr(dot + 1)) != std::end(kTypes);
}

}  // namespace

std::string UnitName::full() const {
  if (!is_template && !is_instance) return fmt::format("{}.{}", prefix, type);
  return fmt::format("{}@{}.{}", prefix, instance, type);
}

std::string UnitName::template_name() const {
  return fmt::format("{}@.{}", prefix, type);
}

Result<UnitName> parse_unit_name(std::string_view name, bool default_service) {
  std::string whole(name);
  if (default_service && !has_known_type(whole)) whole += ".service";
  if (whole.size() > kMaxName) return invalid(name, "longer than 255 bytes");
  if (!has_known_type(whole)) return invalid(name, "does not end in a unit type such as .service");
  const std::size_t dot = whole.rfind('.');
  UnitName result;
  result.type = whole.substr(dot + 1);
  const std::string stem = whole.substr(0, dot);
  const std::size_t at = stem.find('@');
  result.prefix = stem.substr(0, at);
  if (at != std::string::npos) {
    result.instance = stem.substr(at + 1);
    result.is_template = result.instance.empty();
    result.is_instance = !result.is_template;
  }
  if (result.prefix.empty()) return invalid(name, "nothing before the type or '@'");
  const bool prefix_valid =
      std::all_of(result.prefix.begin(), result.prefix.end(), is_name_character);
  const bool instance_valid = std::all_of(result.instance.begin(), result.instance.end(),
                                          [](char c) { return is_name_character(c) || c == '@'; });
  if (!prefix_valid || !instance_valid) {
    return invalid(name, "only letters, digits and :-_.\\@ may stand in a unit's name");
  }
  return result;
}

std::string escape_name(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool plain = is_name_character(c) && c != '-' && c != '\\' && !(c == '.' && i == 0);
    if (c == '/')
      out += '-';
    else if (plain)
      out += c;
    else
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string escape_path(std::string_view path) {
  std::string simplified;
  for (const char c : path) {
    if (c == '/' && (simplified.empty() || simplified.back() == '/')) continue;
    simplified += c;
  }
  while (simplified.ends_with('/')) simplified.pop_back();
  return simplified.empty() ? "-" : escape_name(simplified);
}

std::string unescape_name(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') {
      out += '/';
    } else if (text.substr(i).starts_with("\\x") && i + 3 < text.size() &&
               hex_digit(text[i + 2]) >= 0 && hex_digit(text[i + 3]) >= 0 &&
               text.substr(i + 2, 2) != "00") {
      out += static_cast<char>(hex_digit(text[i + 2]) * 16 + hex_digit(text[i + 3]));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string unescape_path(std::string_view text) {
  const std::string unescaped = text == "-" ? "" : unescape_name(text);
  return unescaped.starts_with('/') ? unescaped : "/" + unescaped;
}

std::vector<std::string> drop_in_directories(const UnitName& name) {
  std::vector<std::string> directories;
  UnitName current = name;
  for (;;) {
    directories.push_back(current.full() + ".d");
    if (current.is_instance) directories.push_back(current.template_name() + ".d");
    // "foo-bar-waldo" also reads "foo-bar-" and "foo-".
    std::string_view prefix = current.prefix;
    if (prefix.ends_with('-')) prefix.remove_suffix(1);
    const std::size_t dash = prefix.rfind('-');
    if (dash == std::string_view::npos || dash == 0) return directories;
    current.prefix = std::string(prefix.substr(0, dash + 1));
  }
}

}  // namespace nines::unit
