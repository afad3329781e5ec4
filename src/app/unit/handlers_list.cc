// Handlers of values that are lists: words, units, directories, statuses.
#include <fmt/format.h>

#include <algorithm>

#include "app/unit/handlers.h"
#include "app/unit/printable.h"
#include "app/unit/unit_name.h"
#include "app/unit/word.h"

namespace nines::unit {
namespace {

/// The words of a value, or nothing after an error was reported.
std::optional<std::vector<Word>> words_of(Draft& draft, const Setting& setting, WordRule rule) {
  std::vector<Word> result;
  WordReader reader(setting.value(), rule);
  for (;;) {
    auto word = reader.next();
    if (!word) {
      draft.error(setting, reader.offset(), word.error().detail());
      return std::nullopt;
    }
    if (!*word) return result;
    result.push_back(std::move(**word));
  }
}

/// Takes "//", "/./" and slashes at the end out. @return false if there is a "..".
bool simplify_path(std::string& path) {
  std::string out;
  for (std::size_t i = 0; i < path.size();) {
    std::size_t end = path.find('/', i);
    if (end == std::string::npos) end = path.size();
    const std::string_view part = std::string_view(path).substr(i, end - i);
    if (part == "..") return false;
    if (!part.empty() && part != ".") {
      if (!out.empty() || path[0] == '/') out += '/';
      out += part;
    }
    i = end + 1;
  }
  path = out.empty() ? "/" : out;
  return true;
}

}  // namespace

std::optional<std::string> resolve_path(Draft& draft, const Setting& setting, std::string_view text,
                                        std::size_t offset) {
  auto path = draft.resolve(setting, text, offset);
  if (!path) return std::nullopt;
  if (!path->starts_with('/')) {
    draft.error(setting, offset, fmt::format("'{}' is not an absolute path", printable(*path)));
    return std::nullopt;
  }
  if (!simplify_path(*path)) {
    draft.error(setting, offset, "'..' may not stand in a path here");
    return std::nullopt;
  }
  return path;
}

void add_words(Draft& draft, const Setting& setting, std::vector<std::string>& list) {
  if (setting.value().empty()) return list.clear();
  const auto found = words_of(draft, setting, WordRule::kQuoted);
  if (!found) return;
  for (const Word& word : *found) {
    if (auto resolved = draft.resolve(setting, word.text, word.offset))
      list.push_back(std::move(*resolved));
  }
}

void add_units(Draft& draft, const Setting& setting, std::string_view type,
               std::vector<std::string>& list) {
  if (setting.value().empty()) return list.clear();
  const auto found = words_of(draft, setting, WordRule::kKeepEscapes);
  if (!found) return;
  for (const Word& word : *found) {
    const auto resolved = draft.resolve(setting, word.text, word.offset);
    if (!resolved) continue;
    const Result<UnitName> name = parse_unit_name(*resolved);
    if (!name) {
      draft.error(setting, word.offset,
                  fmt::format("'{}' is no unit: {}", printable(*resolved), name.error().detail()));
    } else if (!type.empty() && name->type != type) {
      draft.error(setting, word.offset, fmt::format("'{}' is no .{} unit", *resolved, type));
    } else if (std::find(list.begin(), list.end(), *resolved) == list.end()) {
      list.push_back(*resolved);
    }
  }
}

void add_exit_statuses(Draft& draft, const Setting& setting, ExitStatusSet& set) {
  if (setting.value().empty()) {
    set = {};
    return;
  }
  const auto found = words_of(draft, setting, WordRule::kQuoted);
  if (!found) return;
  for (const Word& word : *found) {
    if (auto added = add_exit_status(word.text, set); !added) {
      draft.error(setting, word.offset, added.error().detail());
    }
  }
}

void add_directories(Draft& draft, const Setting& setting, ManagedDirectories& directories) {
  if (setting.value().empty()) return directories.names.clear();
  const auto found = words_of(draft, setting, WordRule::kQuoted);
  if (!found) return;
  for (const Word& word : *found) {
    auto name = draft.resolve(setting, word.text, word.offset);
    if (!name) continue;
    if (const std::size_t colon = name->find(':'); colon != std::string::npos) {
      draft.warning(setting, word.offset + std::min(colon, word.text.size()),
                    fmt::format("the symbolic link '{}' is not made", name->substr(colon + 1)));
      name->resize(colon);
    }
    if (name->empty() || name->starts_with('/') || !simplify_path(*name) || *name == "/") {
      draft.error(setting, word.offset,
                  fmt::format("'{}' is not a relative path without '..'", printable(word.text)));
      continue;
    }
    directories.names.push_back(std::move(*name));
  }
}

}  // namespace nines::unit
