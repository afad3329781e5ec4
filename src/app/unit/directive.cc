#include "app/unit/directive.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "app/unit/printable.h"
#include "app/unit/value.h"
#include "base/text.h"

namespace nines::unit {
namespace {

struct SectionName {
  std::uint8_t section;
  std::string_view name;
};
constexpr SectionName kSectionNames[] = {{kUnit, "Unit"},
                                         {kService, "Service"},
                                         {kSocket, "Socket"},
                                         {kInstall, "Install"},
                                         {kNines, "X-Nines"}};

/// Every name (old ones too), shared by all units for the life of the process.
class Index {
 public:
  Index() {
    for (const auto part :
         {unit_directives(), service_directives(), exec_directives(), control_directives(),
          socket_directives(), nines_directives(), ignored_directives()}) {
      for (const Directive& directive : part)
        by_name_.emplace(directive.name, Entry{directive.sections, &directive});
    }
    for (const Alias& alias : directive_aliases()) {
      const Directive* target = find(alias.sections, alias.name);
      if (target == nullptr) target = find_anywhere(alias.name);
      if (target != nullptr) by_name_.emplace(alias.old_name, Entry{alias.sections, target});
    }
  }

  const Directive* find(std::uint8_t section, std::string_view name) const {
    const auto [begin, end] = by_name_.equal_range(name);
    for (auto it = begin; it != end; ++it) {
      if ((it->second.sections & section) != 0) return it->second.directive;
    }
    return nullptr;
  }
  const Directive* find_anywhere(std::string_view name) const { return find(0xff, name); }

  struct Entry {
    std::uint8_t sections;
    const Directive* directive;
  };
  const std::unordered_multimap<std::string_view, Entry>& all() const { return by_name_; }

 private:
  std::unordered_multimap<std::string_view, Entry> by_name_;
};

const Index& index() {
  static const Index instance;
  return instance;
}

constexpr std::size_t kLongestName = 64;  // nothing longer is a slip of the finger

std::string name_of(std::uint8_t section) {
  for (const SectionName& entry : kSectionNames) {
    if ((entry.section & section) != 0) return std::string(entry.name);
  }
  return "";
}

}  // namespace

std::uint8_t section_from_name(std::string_view name) {
  for (const SectionName& entry : kSectionNames) {
    if (entry.name == name) return entry.section;
  }
  return 0;
}

const Directive* find_directive(std::uint8_t section, std::string_view name) {
  return index().find(section, name);
}

std::string suggest_directive(std::uint8_t section, std::string_view name) {
  const auto [begin, end] = index().all().equal_range(name);
  if (begin != end) return fmt::format("it belongs into [{}]", name_of(begin->second.sections));
  if (name.size() > kLongestName) return "";
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 4) + 1;
  for (const auto& [known, entry] : index().all()) {
    const std::size_t longer = std::max(name.size(), known.size());
    const std::size_t shorter = std::min(name.size(), known.size());
    // The difference in length is a lower bound of the distance.
    if ((entry.sections & section) == 0 || longer - shorter > best_distance) continue;
    const std::size_t distance = edit_distance(name, known, best_distance);
    if (distance < best_distance || (distance == best_distance && !best.empty() && known < best)) {
      best_distance = distance;
      best = known;
    }
  }
  return best.empty() ? "" : fmt::format("did you mean {}=?", best);
}

std::string describe(const Directive& directive, std::string_view value) {
  std::string_view text = directive.text;
  if (text.find('|') != std::string_view::npos) {
    std::string_view wanted = value;
    if (const Result<bool> boolean = parse_boolean(value); boolean && text.starts_with("yes: ")) {
      wanted = *boolean ? "yes" : "no";
    }
    std::string_view chosen;
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view entry = rest.substr(0, rest.find('|'));
      rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
      const std::size_t colon = entry.find(": ");
      const std::string_view key = entry.substr(0, colon);
      if (key == wanted || (key == "*" && chosen.empty())) chosen = entry.substr(colon + 2);
    }
    // Another spelling of a value, such as 01 for 1.
    text = chosen.empty() ? "set to {}" : chosen;
  }
  std::string out(text);
  const std::size_t place = out.find("{}");
  if (place != std::string::npos) out.replace(place, 2, value.empty() ? "none" : printable(value));
  return out;
}

}  // namespace nines::unit
