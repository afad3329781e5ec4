// Handlers of what a process is given: limits, outputs, capabilities.
#include "app/unit/handlers.h"

#include <fmt/format.h>
#include "app/unit/printable.h"
#include "app/unit/word.h"

namespace nines::unit {

void set_limit(Draft& draft, const Setting& setting, int resource) {
  if (setting.value().empty()) {
    draft.exec.limits.erase(resource);
    return;
  }
  const Result<rlimit> limit = parse_rlimit(resource, setting.value());
  if (!limit) return draft.error(setting, 0, limit.error().detail());
  draft.exec.limits[resource] = {*limit};
}

void set_output(Draft& draft, const Setting& setting, OutputTarget& target, bool is_error) {
  const std::string_view value = setting.value();
  if (is_error) draft.exec.standard_error_set = !value.empty() && value != "inherit";
  if (value.empty()) {
    target = {};
    return;
  }
  struct FileKind {
    std::string_view prefix;
    OutputKind kind;
  };
  constexpr FileKind kFiles[] = {{"file:", OutputKind::kFile},
                                 {"append:", OutputKind::kAppend},
                                 {"truncate:", OutputKind::kTruncate}};
  for (const FileKind& file : kFiles) {
    if (!value.starts_with(file.prefix)) continue;
    auto path = resolve_path(draft, setting, value.substr(file.prefix.size()), file.prefix.size());
    if (path) target = {file.kind, std::move(*path)};
    return;
  }
  if (value == "null") {
    target = {OutputKind::kNull, ""};
  } else if (value == "inherit") {
    target = {OutputKind::kInherit, ""};
  } else if (value == "socket") {
    target = {OutputKind::kSocket, ""};
  } else if (value == "journal" || value == "syslog") {
    target = {OutputKind::kLog, ""};
  } else if (value == "tty" || value == "kmsg" || value.ends_with("+console") ||
             value.starts_with("fd:")) {
    draft.warning(setting, 0, fmt::format("'{}': goes to the unit's log only", printable(value)));
    target = {OutputKind::kLog, ""};
  } else {
    draft.error(
        setting, 0,
        fmt::format("'{}' is none of: journal, null, inherit, socket, file:PATH, append:PATH, "
                    "truncate:PATH",
                    printable(value)));
  }
}

void merge_capabilities(Draft& draft, const Setting& setting, std::uint64_t initial,
                        std::uint64_t& set) {
  std::string_view value = setting.value();
  const bool invert = value.starts_with('~');
  WordReader reader(invert ? value.substr(1) : value, WordRule::kQuoted);
  std::uint64_t sum = 0;
  for (;;) {
    const auto word = reader.next();
    if (!word) return draft.error(setting, reader.offset(), word.error().detail());
    if (!*word) break;
    const Result<std::uint64_t> bit = parse_capability((*word)->text);
    if (!bit) return draft.error(setting, (*word)->offset + (invert ? 1 : 0), bit.error().detail());
    sum |= *bit;
  }
  // "" and "~" replace, and so does the first line; later lines merge. As capability parsing in
  // systemd's load-fragment.c.
  if (sum == 0 || set == initial)
    set = invert ? ~sum & kAllCapabilities : sum;
  else if (invert)
    set &= ~sum;
  else
    set |= sum;
}

}  // namespace nines::unit
