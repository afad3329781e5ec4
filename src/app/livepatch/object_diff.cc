#include "app/livepatch/object_diff.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>

#include "app/livepatch/section_graph.h"

namespace nines::livepatch {
namespace {

bool is_special(const elf::ObjectSection& section) {
  constexpr std::array<std::string_view, 6> kRunAtStart = {
      ".init_array", ".fini_array", ".preinit_array", ".ctors", ".dtors", ".init"};
  return std::any_of(kRunAtStart.begin(), kRunAtStart.end(),
                     [&](std::string_view name) { return section.name.starts_with(name); });
}

/// Of the compiler's own making, and of no consequence here.
bool is_ignored(const elf::ObjectSection& section) {
  return !section.is_allocated() || section.name == ".eh_frame" || section.type == SHT_NOTE ||
         section.name.starts_with(".note.") || section.name.starts_with(".gcc_except_table");
}

class Differ {
 public:
  Differ(const elf::Object& before, const elf::Object& after)
      : before_(before), after_(after), graph_before_(before), graph_after_(after) {}

  ObjectDiff run() {
    pair_by_name();
    pair_statics();
    compare_code();
    take_parts_along();
    compare_data();
    return std::move(diff_);
  }

 private:
  void pair(std::size_t before, std::size_t after) {
    diff_.same[after] = before;
    taken_.insert(before);
  }

  void pair_by_name() {
    std::map<std::string, std::vector<std::size_t>> by_name;
    for (std::size_t i = 1; i < before_.sections().size(); ++i) {
      const elf::ObjectSection& section = before_.sections()[i];
      if (section.is_allocated() && !is_numbered(section.name)) by_name[section.name].push_back(i);
    }
    std::map<std::string, std::size_t> used;
    for (std::size_t i = 1; i < after_.sections().size(); ++i) {
      const elf::ObjectSection& section = after_.sections()[i];
      const auto found = by_name.find(section.name);
      if (!section.is_allocated() || found == by_name.end()) continue;
      // Several of one name, as COMDAT groups have them: in their order.
      const std::size_t nth = used[section.name]++;
      if (nth < found->second.size()) pair(found->second[nth], i);
    }
  }

  /// Until nothing new is found: a part of a function ("f.part.0") has a number, and may refer to
  /// static variables itself.
  void pair_statics() {
    for (bool found = true; found;) {
      found = false;
      const auto known = diff_.same;
      for (const auto& [after, before] : known) {
        if (!after_.sections()[after].is_code()) continue;
        found = pair_references(before, after) || found;
      }
    }
  }

  bool pair_references(std::size_t before, std::size_t after) {
    bool found = false;
    std::map<std::string, std::vector<std::size_t>> of_before;
    for (const Reference& reference : graph_before_.references(before)) {
      add_numbered(before_, reference, &of_before);
    }
    std::map<std::string, std::vector<std::size_t>> of_after;
    for (const Reference& reference : graph_after_.references(after)) {
      add_numbered(after_, reference, &of_after);
    }
    for (const auto& [name, sections] : of_after) {
      const std::vector<std::size_t>& old = of_before[name];
      for (std::size_t i = 0; i < sections.size() && i < old.size(); ++i) {
        const auto known = diff_.same.find(sections[i]);
        if (known == diff_.same.end()) {
          if (taken_.contains(old[i])) continue;
          pair(old[i], sections[i]);
          found = true;
        } else if (known->second != old[i] && ambiguous_.insert(name).second) {
          diff_.refusals.push_back(fmt::format(
              "Static variables called {} cannot be told apart: two functions refer to them in "
              "different order now.",
              name));
        }
      }
    }
    return found;
  }

  static void add_numbered(const elf::Object& object, const Reference& reference,
                           std::map<std::string, std::vector<std::size_t>>* into) {
    if (!reference.section) return;
    const std::string& name = object.sections()[*reference.section].name;
    if (!is_numbered(name)) return;
    auto& sections = (*into)[without_number(name)];
    if (std::find(sections.begin(), sections.end(), *reference.section) == sections.end()) {
      sections.push_back(*reference.section);
    }
  }

  void compare_code() {
    for (std::size_t i = 1; i < after_.sections().size(); ++i) {
      const elf::ObjectSection& section = after_.sections()[i];
      if (!section.is_code() || section.size == 0) continue;
      const auto old = diff_.same.find(i);
      if (old == diff_.same.end()) {
        diff_.added.push_back(i);
      } else if (!is_equal(old->second, i)) {
        diff_.changed.push_back({old->second, i});
      }
    }
    for (std::size_t i = 1; i < before_.sections().size(); ++i) {
      const elf::ObjectSection& section = before_.sections()[i];
      if (section.is_code() && section.size > 0 && !taken_.contains(i)) diff_.removed.push_back(i);
    }
  }

  /// A function and its unlikely part jump into each other: one is not replaced without the other.
  void take_parts_along() {
    std::set<std::string> names;
    std::set<std::size_t> have;
    for (const SectionPair& one : diff_.changed) {
      names.insert(function_name(after_.sections()[one.after]));
      have.insert(one.after);
    }
    for (const auto& [after, before] : diff_.same) {
      const elf::ObjectSection& section = after_.sections()[after];
      if (!section.is_code() || section.size == 0 || have.contains(after)) continue;
      if (names.contains(function_name(section))) diff_.changed.push_back({before, after});
    }
  }

  void compare_data() {
    for (std::size_t i = 1; i < after_.sections().size(); ++i) {
      const elf::ObjectSection& section = after_.sections()[i];
      if (section.is_code() || is_ignored(section) || section.size == 0) continue;
      if ((section.flags & SHF_MERGE) != 0) continue;  // literals: by what refers to them
      const auto old = diff_.same.find(i);
      const bool thread_local_data = (section.flags & SHF_TLS) != 0;
      if (is_special(section)) {
        if (old == diff_.same.end() || !is_equal(old->second, i)) {
          refuse(section, "runs at the start or the end of the program, and changes");
        }
      } else if (old == diff_.same.end()) {
        if (thread_local_data) {
          refuse(section, "is new thread-local data, for which running threads have no place");
        } else {
          diff_.new_data.push_back(i);
        }
      } else if (section.is_writable()) {
        compare_live(before_.sections()[old->second], section, old->second, i);
      } else if (!is_equal(old->second, i)) {
        // Nobody writes it, so that who refers to it gets a copy: that is code that changes, too.
        diff_.same.erase(i);
        diff_.new_data.push_back(i);
      }
    }
  }

  void compare_live(const elf::ObjectSection& old, const elf::ObjectSection& section,
                    std::size_t before, std::size_t after) {
    if (old.size != section.size) {
      refuse(section, fmt::format("changes its size from {} to {} bytes, and is in use", old.size,
                                  section.size));
    } else if (!is_equal(before, after)) {
      // .data.rel.ro is written by the dynamic linker alone, before the program runs.
      if (section.name.starts_with(".data.rel.ro")) {
        diff_.same.erase(after);
        diff_.new_data.push_back(after);
      } else {
        refuse(section,
               "has another initial value: the running program keeps the present one; a "
               "hook has to set it");
      }
    }
  }

  void refuse(const elf::ObjectSection& section, std::string_view why) {
    diff_.refusals.push_back(fmt::format("{} {}.", section.name, why));
  }

  /// The same bytes, but for what is filled in, and the same things to be filled in.
  bool is_equal(std::size_t before, std::size_t after) {
    const auto known = equal_.find({before, after});
    if (known != equal_.end()) return known->second;
    // Two that refer to each other are equal unless something else tells them apart.
    equal_[{before, after}] = true;
    const bool equal = compare(before, after);
    equal_[{before, after}] = equal;
    return equal;
  }

  bool compare(std::size_t before, std::size_t after) {
    const elf::ObjectSection &old = before_.sections()[before], &now = after_.sections()[after];
    if (old.size != now.size || old.bytes != now.bytes || old.flags != now.flags) return false;
    const std::vector<Reference> a = graph_before_.references(before);
    const std::vector<Reference> b = graph_after_.references(after);
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](const Reference& x, const Reference& y) { return refers_to_same(x, y); });
  }

  bool refers_to_same(const Reference& x, const Reference& y) {
    if (x.offset != y.offset || x.type != y.type) return false;
    if (!x.section || !y.section) {
      return x.section.has_value() == y.section.has_value() && x.name == y.name &&
             x.target == y.target;
    }
    const elf::ObjectSection &old = before_.sections()[*x.section],
                             &now = after_.sections()[*y.section];
    if ((old.flags & SHF_MERGE) != 0 || (now.flags & SHF_MERGE) != 0) {
      const auto one = literal_at(old, x.target), other = literal_at(now, y.target);
      return one && other && old.entry_size == now.entry_size && *one == *other;
    }
    const auto same = diff_.same.find(*y.section);
    if (same == diff_.same.end() || same->second != *x.section || x.target != y.target)
      return false;
    // Code and what is written to are themselves, whatever is in them.
    return old.is_code() || old.is_writable() || is_equal(*x.section, *y.section);
  }

  const elf::Object &before_, &after_;
  const SectionGraph graph_before_, graph_after_;
  ObjectDiff diff_;
  std::set<std::size_t> taken_;  ///< of before
  std::set<std::string> ambiguous_;
  std::map<std::pair<std::size_t, std::size_t>, bool> equal_;
};

}  // namespace

std::string function_name(const elf::ObjectSection& section) {
  std::string_view name = section.name;
  constexpr std::string_view kText = ".text.";
  if (!name.starts_with(kText)) return section.name;
  name.remove_prefix(kText.size());
  for (const std::string_view kind : {"unlikely.", "hot.", "startup.", "exit."}) {
    if (name.starts_with(kind)) name.remove_prefix(kind.size());
  }
  return std::string(name);
}

ObjectDiff diff_objects(const elf::Object& before, const elf::Object& after) {
  return Differ(before, after).run();
}

}  // namespace nines::livepatch
