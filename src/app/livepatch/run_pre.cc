#include "app/livepatch/run_pre.h"

#include <fmt/format.h>

#include <algorithm>

namespace nines::livepatch {
namespace {

// Fewer bytes than this may be the same by chance, in code of something else.
constexpr std::size_t kTelling = 32;
constexpr std::size_t kMostCandidates = 256;

struct Candidate {
  std::uint64_t address = 0;
  std::vector<Implied> implied;  ///< one for each relocation
};

struct Pattern {
  std::vector<bool> fixed;  ///< by byte: not the linker's to write
  std::size_t anchor = 0, anchor_size = 0;
  std::size_t telling = 0;
};

Pattern pattern_of(const elf::ObjectSection& section) {
  Pattern pattern;
  pattern.fixed.assign(section.size, true);
  for (const elf::ObjectRelocation& relocation : section.relocations) {
    const Extent extent = extent_of(relocation.type);
    const std::uint64_t from = relocation.offset - std::min(relocation.offset, extent.before);
    const std::uint64_t to = std::min(section.size, relocation.offset + extent.size);
    for (std::uint64_t i = from; i < to; ++i) pattern.fixed[i] = false;
  }
  for (std::size_t i = 0, begin = 0; i <= section.size; ++i) {
    if (i < section.size && pattern.fixed[i]) {
      ++pattern.telling;
      continue;
    }
    if (i - begin > pattern.anchor_size) {
      pattern.anchor = begin;
      pattern.anchor_size = i - begin;
    }
    begin = i + 1;
  }
  return pattern;
}

std::optional<Candidate> compare(const elf::ObjectSection& section, const Pattern& pattern,
                                 std::string_view run, std::uint64_t address) {
  if (address % section.alignment != 0) return std::nullopt;
  for (std::size_t i = 0; i < section.size; ++i) {
    if (pattern.fixed[i] && section.bytes[i] != run[i]) return std::nullopt;
  }
  Candidate candidate{address, {}};
  for (const elf::ObjectRelocation& relocation : section.relocations) {
    if (relocation.type == R_X86_64_NONE) {
      candidate.implied.emplace_back();
      continue;
    }
    const auto implied = implied_by(relocation, section.bytes, run, address);
    if (!implied) return std::nullopt;
    candidate.implied.push_back(*implied);
  }
  return candidate;
}

std::vector<Candidate> find_all(const elf::ObjectSection& section, const Pattern& pattern,
                                const std::vector<RunningText>& text) {
  std::vector<Candidate> found;
  if (pattern.anchor_size == 0) return found;
  const std::string_view anchor = section.bytes.substr(pattern.anchor, pattern.anchor_size);
  for (const RunningText& range : text) {
    const std::string_view bytes = range.bytes;
    for (std::size_t at = bytes.find(anchor, pattern.anchor); at != std::string_view::npos;
         at = bytes.find(anchor, at + 1)) {
      const std::size_t start = at - pattern.anchor;
      if (bytes.size() - start < section.size) break;
      auto candidate =
          compare(section, pattern, bytes.substr(start, section.size), range.address + start);
      if (!candidate) continue;
      found.push_back(std::move(*candidate));
      if (found.size() > kMostCandidates) return found;
    }
  }
  return found;
}

}  // namespace

const std::uint64_t* Matched::value(Use use, const std::string& name) const {
  const auto at = values_.find({use, name});
  return at == values_.end() ? nullptr : &at->second;
}

std::optional<std::uint64_t> Matched::section(std::size_t index) const {
  const auto at = sections_.find(index);
  return at == sections_.end() ? std::nullopt : std::optional(at->second);
}

std::optional<std::uint64_t> Matched::address_of(const std::string& name,
                                                 const elf::Memory& memory) const {
  if (const auto at = defined_.find(name); at != defined_.end()) {
    if (const auto base = section(at->second.first)) return *base + at->second.second;
  }
  if (const auto* address = value(Use::kAddress, name)) return *address;
  if (const auto* slot = value(Use::kSlot, name)) {
    const auto address = memory.get<std::uint64_t>(*slot);
    if (address && *address != 0) return address;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Matched::call_target(const std::string& name,
                                                  const elf::Memory& memory) const {
  if (const auto address = address_of(name, memory)) return address;
  if (const auto* target = value(Use::kCall, name)) return *target;
  return std::nullopt;
}

std::optional<std::uint64_t> Matched::thread_offset(const std::string& name,
                                                    const elf::Memory& memory) const {
  if (const auto* offset = value(Use::kThread, name)) return *offset;
  if (const auto* slot = value(Use::kThreadSlot, name)) return memory.get<std::uint64_t>(*slot);
  return std::nullopt;
}

/// Takes section after section, the sure ones first: each tells where others are.
class Matcher {
 public:
  Matcher(const elf::Object& pre, const KnownSymbols& known) : pre_(pre), known_(known) {
    for (const elf::ObjectSymbol& symbol : pre.symbols()) {
      if (!symbol.in_section() || symbol.name.empty() || symbol.type == STT_TLS) continue;
      result_.defined_[symbol.name] = {symbol.index, symbol.value};
    }
  }

  Result<Matched> match(const std::vector<RunningText>& text, const elf::Memory& memory) {
    NINES_TRY(find_candidates(text));
    while (take_one()) {
    }
    derive_data();
    for (const Open& open : open_) result_.missing_.push_back(pre_.sections()[open.index].name);
    if (result_.found_ == 0) {
      return Error(ErrorCode::kNotFound, "match code")
          .with_detail(
              "none of it runs there as it was compiled: another source, compiler or flags");
    }
    NINES_TRY(check_constants(memory));
    return std::move(result_);
  }

 private:
  struct Open {
    std::size_t index = 0;
    bool telling = false;
    std::vector<Candidate> candidates;
  };

  Status find_candidates(const std::vector<RunningText>& text) {
    for (std::size_t i = 1; i < pre_.sections().size(); ++i) {
      const elf::ObjectSection& section = pre_.sections()[i];
      if (!section.code() || !section.loaded() || section.bytes.empty()) continue;
      for (const elf::ObjectRelocation& relocation : section.relocations) {
        if (relocation.type == R_X86_64_NONE || use_of(relocation.type)) continue;
        return Error(ErrorCode::kUnsupported, "match code", section.name)
            .with_detail(fmt::format("relocation type {}", relocation.type));
      }
      const Pattern pattern = pattern_of(section);
      open_.push_back({i, pattern.telling >= kTelling, find_all(section, pattern, text)});
    }
    return {};
  }

  bool take_one() {
    for (auto open = open_.begin(); open != open_.end(); ++open) {
      std::vector<const Candidate*> possible;
      const auto expected = expected_address(open->index);
      for (const Candidate& candidate : open->candidates) {
        if (expected && candidate.address != *expected) continue;
        if (agrees(*open, candidate)) possible.push_back(&candidate);
      }
      if (possible.size() != 1 || !(open->telling || expected)) continue;
      take(open->index, *possible.front());
      open_.erase(open);
      return true;
    }
    return false;
  }

  /// Where other code, or the program's own symbols, say that a section is.
  std::optional<std::uint64_t> expected_address(std::size_t index) const {
    if (const auto known = result_.section(index)) return known;
    for (const elf::ObjectSymbol& symbol : pre_.symbols()) {
      if (symbol.index != index || symbol.name.empty()) continue;
      if (const auto* address = result_.value(Use::kAddress, symbol.name)) {
        return *address - symbol.value;
      }
      const auto known = known_.find(symbol.name);
      if (symbol.binding != STB_LOCAL && known != known_.end()) {
        return known->second - symbol.value;
      }
      // Of a local function no stub is made.
      if (symbol.binding != STB_LOCAL) continue;
      if (const auto* address = result_.value(Use::kCall, symbol.name)) {
        return *address - symbol.value;
      }
    }
    return std::nullopt;
  }

  const elf::ObjectSymbol& symbol_of(const elf::ObjectRelocation& relocation) const {
    return pre_.symbols()[relocation.symbol];
  }

  bool agrees(const Open& open, const Candidate& candidate) const {
    const auto& relocations = pre_.sections()[open.index].relocations;
    std::map<std::pair<Use, std::string>, std::uint64_t> own;
    std::map<std::size_t, std::uint64_t> sections = {{open.index, candidate.address}};
    for (std::size_t i = 0; i < relocations.size(); ++i) {
      if (relocations[i].type == R_X86_64_NONE) continue;
      const elf::ObjectSymbol& symbol = symbol_of(relocations[i]);
      const Implied& implied = candidate.implied[i];
      if (symbol.type == STT_SECTION) {
        if (pre_.sections()[symbol.index].merged()) continue;
        const auto known = result_.section(symbol.index);
        if (known && *known != implied.value) return false;
        if (sections.emplace(symbol.index, implied.value).first->second != implied.value) {
          return false;
        }
        continue;
      }
      const auto* known = result_.value(implied.use, symbol.name);
      if (known != nullptr && *known != implied.value) return false;
      if (own.emplace(std::pair(implied.use, symbol.name), implied.value).first->second !=
          implied.value) {
        return false;
      }
      const auto listed = known_.find(symbol.name);
      if (implied.use == Use::kAddress && symbol.binding != STB_LOCAL && symbol.in_section() &&
          listed != known_.end() && listed->second != implied.value) {
        return false;
      }
    }
    return true;
  }

  void take(std::size_t index, const Candidate& candidate) {
    result_.sections_[index] = candidate.address;
    ++result_.found_;
    const auto& relocations = pre_.sections()[index].relocations;
    for (std::size_t i = 0; i < relocations.size(); ++i) {
      if (relocations[i].type == R_X86_64_NONE) continue;
      const elf::ObjectSymbol& symbol = symbol_of(relocations[i]);
      const Implied& implied = candidate.implied[i];
      if (symbol.type != STT_SECTION) {
        result_.values_[{implied.use, symbol.name}] = implied.value;
      } else if (!pre_.sections()[symbol.index].merged()) {
        // What it says of code is to be confirmed by the code itself, see expected_address().
        result_.sections_.emplace(symbol.index, implied.value);
      }
    }
  }

  /// One variable's address tells those of all others of its section.
  void derive_data() {
    for (const elf::ObjectSymbol& symbol : pre_.symbols()) {
      if (!symbol.in_section() || symbol.name.empty() || symbol.type == STT_TLS) continue;
      const elf::ObjectSection& section = pre_.sections()[symbol.index];
      if (section.code() || section.merged() || section.group) continue;
      if (const auto* address = result_.value(Use::kAddress, symbol.name)) {
        result_.sections_.emplace(symbol.index, *address - symbol.value);
      }
    }
    // Code that was expected somewhere and is not there as it was compiled.
    for (const Open& open : open_) result_.sections_.erase(open.index);
  }

  /// The same code with other constants is another program.
  Status check_constants(const elf::Memory& memory) const {
    for (const auto& [index, address] : result_.sections_) {
      const elf::ObjectSection& section = pre_.sections()[index];
      if (section.code() || section.merged() || (section.flags & SHF_WRITE) != 0 ||
          section.bytes.empty()) {
        continue;
      }
      std::string running(section.size, '\0');
      bool equal = memory.read(address, running.data(), running.size());
      const Pattern pattern = pattern_of(section);
      for (std::size_t i = 0; equal && i < section.size; ++i) {
        equal = !pattern.fixed[i] || section.bytes[i] == running[i];
      }
      if (!equal) {
        return Error(ErrorCode::kNotFound, "match constants", section.name)
            .with_detail("they are others in the running program");
      }
    }
    return {};
  }

  const elf::Object& pre_;
  const KnownSymbols& known_;
  Matched result_;
  std::vector<Open> open_;
};

Result<Matched> match_running(const elf::Object& pre, const std::vector<RunningText>& text,
                              const KnownSymbols& known, const elf::Memory& memory) {
  return Matcher(pre, known).match(text, memory);
}

}  // namespace nines::livepatch
