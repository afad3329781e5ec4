#include "app/livepatch/object_diff.h"

#include <algorithm>
#include <set>

#include "app/livepatch/instruction_ends.h"
#include "app/livepatch/object_names.h"
#include "app/livepatch/relocation_x86.h"

namespace nines::livepatch {
namespace {

using elf::Object;
using elf::ObjectRelocation;
using elf::ObjectSection;
using elf::ObjectSymbol;

Error refused(const std::string& subject, std::string why) {
  return Error(ErrorCode::kUnsupported, "compare objects", subject).with_detail(std::move(why));
}

/// What a relocation leads to, whichever way it is written.
struct Target {
  const ObjectSymbol* symbol = nullptr;  ///< named; null: bytes that have no name
  std::size_t section = 0;               ///< 0: in another object
  std::uint64_t offset = 0;              ///< in the section, or from the symbol
};

/// One of both objects, with what is worked out of it once.
class Side {
 public:
  explicit Side(const Object& which) : object(which), ends_(which.sections().size()) {}

  Target target(std::size_t section, const ObjectRelocation& relocation) {
    const ObjectSymbol& symbol = object.symbols()[relocation.symbol];
    const auto offset = static_cast<std::uint64_t>(relocation.addend) + tail(section, relocation);
    if (symbol.type != STT_SECTION) {
      return {&symbol, symbol.in_section() ? symbol.index : std::size_t{0}, offset};
    }
    const ObjectSymbol* named = object.symbol_at(symbol.index, 0);
    return {named, symbol.index, offset};
  }

  const Object& object;

 private:
  /// From the field to the end of its instruction, which is what relative addresses count from.
  std::uint64_t tail(std::size_t index, const ObjectRelocation& relocation) {
    const ObjectSection& section = object.sections()[index];
    const bool relative = relocation.type != R_X86_64_64 && relocation.type != R_X86_64_32 &&
                          relocation.type != R_X86_64_32S && relocation.type != R_X86_64_TPOFF32;
    if (!section.code() || !relative) return 0;
    auto& ends = ends_[index];
    if (ends.empty()) ends = instruction_ends(section.bytes);
    const auto end = std::upper_bound(ends.begin(), ends.end(), relocation.offset);
    return end == ends.end() ? 4 : *end - relocation.offset;
  }

  std::vector<std::vector<std::uint64_t>> ends_;
};

class Differ {
 public:
  Differ(const Object& original, const Object& patched, const std::vector<std::string>& only)
      : old_(original), new_(patched), only_(only.begin(), only.end()) {}

  Result<ObjectDiff> diff() {
    NINES_ASSIGN(diff_.renamed, correlate_statics(old_.object, new_.object));
    NINES_TRY(check_data());
    std::set<std::string> changed;
    for (std::size_t i = 1; i < new_.object.sections().size(); ++i) {
      const ObjectSection& section = new_.object.sections()[i];
      if (!section.code() || !section.loaded() || section.size == 0) continue;
      const std::string name = name_of_section(new_.object, i);
      const auto before = counterpart(i);
      if (before && !equal(*before, i)) changed.insert(std::string(parent_of_cold(name)));
      if (!before && parent_of_cold(name) != name)
        changed.insert(std::string(parent_of_cold(name)));
    }
    for (const std::string& name : changed) {
      if (only_.empty() || only_.contains(name)) NINES_TRY(replace(name));
    }
    while (!queue_.empty()) {
      const std::size_t next = queue_.back();
      queue_.pop_back();
      NINES_TRY(include_targets(next));
    }
    diff_.included.assign(included_.begin(), included_.end());
    return std::move(diff_);
  }

 private:
  std::string old_name(const std::string& name) const {
    const auto at = diff_.renamed.find(name);
    return at == diff_.renamed.end() ? name : at->second;
  }

  /// The section of the original that holds the same function or variable.
  std::optional<std::size_t> counterpart(std::size_t section) const {
    const std::string name = name_of_section(new_.object, section);
    if (name.empty()) return std::nullopt;
    // A numbered static that no function of the original used is new, whatever has its number.
    const bool numbered = without_number(name) != name && !new_.object.sections()[section].code();
    if (numbered && !diff_.renamed.contains(name)) {
      const ObjectSymbol* symbol = new_.object.find(name);
      if (symbol != nullptr && symbol->binding == STB_LOCAL) return std::nullopt;
    }
    const ObjectSymbol* symbol = old_.object.find(old_name(name));
    if (symbol == nullptr || !symbol->in_section()) return std::nullopt;
    return symbol->index;
  }

  bool equal(std::size_t before, std::size_t after) {
    const auto [known, added] = equal_.emplace(std::pair(before, after), true);
    if (!added) return known->second;
    // Until it is known it counts as equal, so that what refers to itself ends.
    const bool result = compare(before, after);
    return equal_[{before, after}] = result;
  }

  bool compare(std::size_t before, std::size_t after) {
    const ObjectSection& one = old_.object.sections()[before];
    const ObjectSection& other = new_.object.sections()[after];
    if (one.size != other.size || one.type != other.type || one.alignment != other.alignment ||
        one.relocations.size() != other.relocations.size()) {
      return false;
    }
    // Fields are 0 in both: with addends nothing is stored in them.
    if (one.bytes != other.bytes) return false;
    for (std::size_t i = 0; i < one.relocations.size(); ++i) {
      const ObjectRelocation& a = one.relocations[i];
      const ObjectRelocation& b = other.relocations[i];
      if (a.offset != b.offset || a.type != b.type ||
          !same_target(old_.target(before, a), new_.target(after, b))) {
        return false;
      }
    }
    return true;
  }

  bool same_target(const Target& a, const Target& b) {
    if ((a.section == 0) != (b.section == 0)) return false;
    if (a.symbol != nullptr && b.symbol != nullptr) {
      if (old_name(b.symbol->name) != a.symbol->name || a.offset != b.offset) return false;
      if (a.section == 0 || new_.object.sections()[b.section].code()) return true;
      return !new_.object.sections()[b.section].read_only() || equal(a.section, b.section);
    }
    if (a.symbol != nullptr || b.symbol != nullptr || a.section == 0) return false;
    const ObjectSection& one = old_.object.sections()[a.section];
    const ObjectSection& other = new_.object.sections()[b.section];
    if (one.merged() != other.merged() || one.name != other.name) return false;
    if (one.merged()) return piece(one, a.offset) == piece(other, b.offset);
    return a.offset == b.offset && equal(a.section, b.section);
  }

  /// One constant of a section whose constants the linker may merge.
  static std::string_view piece(const ObjectSection& section, std::uint64_t offset) {
    if (offset >= section.bytes.size()) return {};
    if (!section.strings()) return section.bytes.substr(offset, section.entry_size);
    if (section.entry_size != 1) return section.bytes.substr(offset);
    return section.bytes.substr(offset, section.bytes.find('\0', offset) - offset);
  }

  /// Running data keeps what it is.
  Status check_data() {
    for (std::size_t i = 1; i < new_.object.sections().size(); ++i) {
      const ObjectSection& section = new_.object.sections()[i];
      if (!section.loaded() || section.code() || section.read_only()) continue;
      const std::string name = name_of_section(new_.object, i);
      if (name.empty()) continue;
      const auto before = counterpart(i);
      if (!before) continue;
      const ObjectSection& old = old_.object.sections()[*before];
      if (old.size != section.size) {
        return refused(name, "its size changes, and it is in use: its type has another layout");
      }
      if (!equal(*before, i)) {
        return refused(name,
                       "its initial value changes, and the running program has its own by now");
      }
    }
    return {};
  }

  Status replace(const std::string& name) {
    const ObjectSymbol* after = new_.object.find(name);
    const ObjectSymbol* before = old_.object.find(name);
    if (after == nullptr || before == nullptr || !after->in_section() || after->value != 0) {
      return refused(name, "it is not a function of its own in both objects");
    }
    if (before->type == STT_GNU_IFUNC) return refused(name, "it is an IFUNC resolver");
    diff_.replaced[after->index] = name;
    diff_.retired.push_back(name);
    if (old_.object.find(name + ".cold") != nullptr) diff_.retired.push_back(name + ".cold");
    include(after->index);
    return {};
  }

  void include(std::size_t section) {
    if (included_.insert(section).second) queue_.push_back(section);
  }

  Status include_targets(std::size_t index) {
    const ObjectSection& section = new_.object.sections()[index];
    for (const ObjectRelocation& relocation : section.relocations) {
      if (relocation.type == R_X86_64_NONE) continue;
      if (!use_of(relocation.type)) {
        return refused(section.name, "relocation type " + std::to_string(relocation.type));
      }
      const Target target = new_.target(index, relocation);
      if (target.section == 0 || included_.contains(target.section)) continue;
      const ObjectSection& to = new_.object.sections()[target.section];
      const std::string name = name_of_section(new_.object, target.section);
      const auto before = counterpart(target.section);
      const bool part = to.code() && parent_of_cold(name) != name;
      if (before && !part && (to.code() || !to.read_only() || equal(*before, target.section))) {
        continue;  // what runs is used
      }
      // A jump table leads back into functions that stay.
      if (to.code() && name.empty()) continue;
      if ((to.flags & SHF_TLS) != 0) return refused(name, "it is a new thread-local variable");
      include(target.section);
    }
    return {};
  }

  Side old_, new_;
  const std::set<std::string> only_;
  ObjectDiff diff_;
  std::map<std::pair<std::size_t, std::size_t>, bool> equal_;
  std::set<std::size_t> included_;
  std::vector<std::size_t> queue_;
};

}  // namespace

Result<ObjectDiff> diff_objects(const Object& original, const Object& patched,
                                const std::vector<std::string>& only) {
  return Differ(original, patched, only).diff();
}

}  // namespace nines::livepatch
