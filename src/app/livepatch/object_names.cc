#include "app/livepatch/object_names.h"

#include <algorithm>
#include <set>
#include <vector>

namespace nines::livepatch {
namespace {

constexpr std::string_view kCold = ".cold";

bool numbered_data(const elf::ObjectSymbol& symbol) {
  return symbol.in_section() && symbol.binding == STB_LOCAL &&
         (symbol.type == STT_OBJECT || symbol.type == STT_TLS) &&
         without_number(symbol.name) != symbol.name;
}

/// (function, base name) -> its statics, in the order of the compiler's numbers.
using Statics = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;

std::uint64_t number_of(std::string_view name) {
  std::uint64_t number = 0;
  for (const char c : name.substr(without_number(name).size() + 1)) {
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

Statics statics_of(const elf::Object& object) {
  Statics result;
  for (std::size_t i = 1; i < object.sections().size(); ++i) {
    const elf::ObjectSection& section = object.sections()[i];
    if (!section.code()) continue;
    const std::string function(parent_of_cold(name_of_section(object, i)));
    std::set<std::string> seen;
    for (const elf::ObjectRelocation& relocation : section.relocations) {
      const elf::ObjectSymbol* symbol = &object.symbols()[relocation.symbol];
      if (symbol->type == STT_SECTION) symbol = object.symbol_at(symbol->index, 0);
      if (symbol == nullptr || !numbered_data(*symbol)) continue;
      auto& names = result[{function, std::string(without_number(symbol->name))}];
      if (std::find(names.begin(), names.end(), symbol->name) == names.end()) {
        names.push_back(symbol->name);
      }
    }
  }
  for (auto& [key, names] : result) {
    std::sort(names.begin(), names.end(),
              [](const auto& a, const auto& b) { return number_of(a) < number_of(b); });
  }
  return result;
}

}  // namespace

std::string_view without_number(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return name;
  const std::string_view digits = name.substr(dot + 1);
  const bool all = digits.find_first_not_of("0123456789") == std::string_view::npos;
  return all ? name.substr(0, dot) : name;
}

std::string_view parent_of_cold(std::string_view name) {
  return name.ends_with(kCold) ? name.substr(0, name.size() - kCold.size()) : name;
}

std::string name_of_section(const elf::Object& object, std::size_t section) {
  const elf::ObjectSymbol* best = nullptr;
  for (const elf::ObjectSymbol& symbol : object.symbols()) {
    if (symbol.index != section || symbol.name.empty() || symbol.value != 0) continue;
    if (best == nullptr || symbol.binding != STB_LOCAL) best = &symbol;
  }
  return best == nullptr ? std::string() : best->name;
}

Result<std::map<std::string, std::string>> correlate_statics(const elf::Object& original,
                                                             const elf::Object& patched) {
  std::map<std::string, std::string> renamed;
  const Statics before = statics_of(original);
  for (const auto& [key, names] : statics_of(patched)) {
    const auto old = before.find(key);
    if (old == before.end()) continue;
    // One was added or removed, and they have no other name.
    if (old->second.size() != names.size()) {
      return Error(ErrorCode::kUnsupported, "correlate static variables", key.second)
          .with_detail("of function " + key.first + ": which of them is which cannot be told");
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto [known, added] = renamed.emplace(names[i], old->second[i]);
      if (added || known->second == old->second[i]) continue;
      return Error(ErrorCode::kUnsupported, "correlate static variables", names[i])
          .with_detail("functions disagree on which it was");
    }
  }
  return renamed;
}

}  // namespace nines::livepatch
