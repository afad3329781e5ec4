// Handlers: from one assignment to a field of spec.h. The table in directives_*.cc names them.
//
// All share systemd's rule for an empty value: it takes the field back to its default, a list to
// empty.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <type_traits>

#include "app/unit/draft.h"
#include "app/unit/printable.h"
#include "app/unit/value.h"

namespace nines::unit {

template <typename T>
struct MemberOf;
template <typename S, typename T>
struct MemberOf<T S::*> {
  using Section = S;
  using Type = T;
};
template <auto kMember>
using SectionOf = typename MemberOf<decltype(kMember)>::Section;
template <auto kMember>
using TypeOf = typename MemberOf<decltype(kMember)>::Type;

template <auto kMember>
TypeOf<kMember>& field(Draft& draft) {
  return draft.section<SectionOf<kMember>>().*kMember;
}
template <auto kMember>
void reset(Draft& draft) {
  field<kMember>(draft) = SectionOf<kMember>{}.*kMember;
}

/// A field that one of value.h's functions reads.
template <auto kMember, auto kParse>
void scalar(Draft& draft, const Setting& setting) {
  if (setting.value().empty()) return reset<kMember>(draft);
  auto parsed = kParse(setting.value());
  if (!parsed) return draft.error(setting, 0, parsed.error().detail());
  field<kMember>(draft) = *parsed;
}

/// The same with a flag beside it that says that the unit itself gave the value.
template <auto kMember, auto kFlag, auto kParse>
void flagged(Draft& draft, const Setting& setting) {
  scalar<kMember, kParse>(draft, setting);
  field<kFlag>(draft) = !setting.value().empty();
}

template <auto kMember>
void boolean(Draft& draft, const Setting& setting) {
  scalar<kMember, parse_boolean>(draft, setting);
}

template <auto kMember, std::int64_t kMin, std::int64_t kMax>
void integer(Draft& draft, const Setting& setting) {
  scalar<kMember, [](std::string_view text) { return parse_integer(text, kMin, kMax); }>(draft,
                                                                                         setting);
}

/// One word of several, kChoices being an array of pairs {word, value}.
template <typename T>
struct Choice {
  std::string_view word;
  T value;
};
template <auto kMember, const auto& kChoices>
void choice(Draft& draft, const Setting& setting) {
  if (setting.value().empty()) return reset<kMember>(draft);
  std::string known;
  for (const auto& entry : kChoices) {
    if (entry.word == setting.value()) {
      field<kMember>(draft) = entry.value;
      return;
    }
    known += known.empty() ? "" : ", ";
    known += entry.word;
  }
  draft.error(setting, 0, fmt::format("'{}' is none of: {}", printable(setting.value()), known));
}

/// A text with specifiers.
template <auto kMember>
void text(Draft& draft, const Setting& setting) {
  if (setting.value().empty()) return reset<kMember>(draft);
  if (auto resolved = draft.resolve(setting, setting.value()))
    field<kMember>(draft) = std::move(*resolved);
}

/// @return an absolute path with specifiers resolved and "//", "/./" and a last '/' taken out.
std::optional<std::string> resolve_path(Draft& draft, const Setting& setting, std::string_view text,
                                        std::size_t offset);

template <auto kMember>
void absolute_path(Draft& draft, const Setting& setting) {
  if (setting.value().empty()) return reset<kMember>(draft);
  if (auto path = resolve_path(draft, setting, setting.value(), 0))
    field<kMember>(draft) = std::move(*path);
}

// The rest share one body each in handlers_*.cc; the templates only pick the field.

/// Adds the words of the value, specifiers resolved.
void add_words(Draft& draft, const Setting& setting, std::vector<std::string>& list);
template <auto kMember>
void words(Draft& draft, const Setting& setting) {
  add_words(draft, setting, field<kMember>(draft));
}

/// Adds names of units, each checked.
/// @param type  "socket": only such; "" for any.
void add_units(Draft& draft, const Setting& setting, std::string_view type,
               std::vector<std::string>& list);
template <auto kMember>
void units(Draft& draft, const Setting& setting) {
  add_units(draft, setting, "", field<kMember>(draft));
}

/// Adds the command lines of one Exec*=.
void add_commands(Draft& draft, const Setting& setting, std::vector<ExecCommand>& list);
template <auto kMember>
void commands(Draft& draft, const Setting& setting) {
  add_commands(draft, setting, field<kMember>(draft));
}
/// Parses `text`, which stands at `offset` of the value, as command lines separated by ";".
/// @return false after an error was reported.
bool parse_commands(Draft& draft, const Setting& setting, std::string_view text, std::size_t offset,
                    std::vector<ExecCommand>& list);

void add_exit_statuses(Draft& draft, const Setting& setting, ExitStatusSet& set);
template <auto kMember>
void exit_statuses(Draft& draft, const Setting& setting) {
  add_exit_statuses(draft, setting, field<kMember>(draft));
}

void add_directories(Draft& draft, const Setting& setting, ManagedDirectories& directories);
template <auto kMember>
void directories(Draft& draft, const Setting& setting) {
  add_directories(draft, setting, field<kMember>(draft));
}
template <auto kMember>
void directories_mode(Draft& draft, const Setting& setting) {
  ManagedDirectories& target = field<kMember>(draft);
  if (setting.value().empty()) {
    target.mode = ManagedDirectories{}.mode;
    return;
  }
  auto mode = parse_mode(setting.value());
  if (!mode) return draft.error(setting, 0, mode.error().detail());
  target.mode = *mode;
}

void set_limit(Draft& draft, const Setting& setting, int resource);
template <int kResource>
void limit(Draft& draft, const Setting& setting) {
  set_limit(draft, setting, kResource);
}

void set_output(Draft& draft, const Setting& setting, OutputTarget& target, bool is_error);

/// CapabilityBoundingSet= and AmbientCapabilities=: "~" takes away; lines add up.
void merge_capabilities(Draft& draft, const Setting& setting, std::uint64_t initial,
                        std::uint64_t& set);

}  // namespace nines::unit
