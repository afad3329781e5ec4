#include <algorithm>
#include <array>

#include "matrix/finding.h"

namespace nines::matrix {
namespace {

bool counts(const Finding& finding) {
  return finding.weight != Weight::kNote;
}

/// Of the findings that satisfy the condition, the first of the greatest weight; of equal weight,
/// what is not there at all comes before what is there in part.
template <typename Condition>
const Finding* weightiest(const std::vector<Finding>& findings, Condition condition) {
  const Finding* found = nullptr;
  for (const Finding& finding : findings) {
    if (!counts(finding) || !condition(finding)) continue;
    const bool worse = found != nullptr && finding.weight == found->weight &&
                       finding.state == State::kNo && found->state == State::kPartly;
    if (found == nullptr || finding.weight < found->weight || worse) found = &finding;
  }
  return found;
}

/// Whether there are findings of that weight and all are in that state.
bool all_are(const std::vector<Finding>& findings, Weight weight, State state) {
  bool any = false;
  for (const Finding& finding : findings) {
    if (finding.weight != weight) continue;
    if (finding.state != state) return false;
    any = true;
  }
  return any;
}

struct Decision {
  Verdict verdict = Verdict::kReady;
  const Finding* because = nullptr;
};

Decision decide(const std::vector<Finding>& findings) {
  const auto decisive = [&](State state) {
    const bool main = all_are(findings, Weight::kMain, state);
    return weightiest(findings, [&](const Finding& f) {
      return f.state == state &&
             (f.weight == Weight::kRequired || (main && f.weight == Weight::kMain));
    });
  };
  const Finding* barred = weightiest(findings, [](const Finding& f) {
    return f.state == State::kBarred && f.weight <= Weight::kMain;
  });
  if (barred != nullptr) return {Verdict::kImpossible, barred};
  if (const Finding* no = decisive(State::kNo)) return {Verdict::kMissing, no};
  if (const Finding* unknown = decisive(State::kUnknown)) return {Verdict::kUnknown, unknown};
  // What is known to be wrong is more worth saying than what is not known.
  const Finding* less = weightiest(findings, [](const Finding& f) {
    return f.state != State::kYes && f.state != State::kUnknown;
  });
  if (less == nullptr) {
    less = weightiest(findings, [](const Finding& f) { return f.state != State::kYes; });
  }
  return less != nullptr ? Decision{Verdict::kPartial, less} : Decision{};
}

std::string next_step(const std::vector<Finding>& findings, const Decision& decision) {
  if (decision.verdict == Verdict::kReady) return "";
  if (!decision.because->advice.empty()) return decision.because->advice;
  // Where nothing can be done, advice on details would mislead.
  if (decision.verdict == Verdict::kImpossible) return "";
  const Finding* other = weightiest(
      findings, [](const Finding& f) { return f.state != State::kYes && !f.advice.empty(); });
  return other != nullptr ? other->advice : "";
}

}  // namespace

std::string_view to_string(State state) {
  static constexpr std::array<std::string_view, 5> kNames = {"yes", "partly", "no", "barred",
                                                             "unknown"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view to_string(Weight weight) {
  static constexpr std::array<std::string_view, 4> kNames = {"required", "main", "helpful", "note"};
  return kNames[static_cast<std::size_t>(weight)];
}

std::string_view to_string(Verdict verdict) {
  static constexpr std::array<std::string_view, 5> kNames = {"ready", "partial", "missing",
                                                             "not possible here", "unknown"};
  return kNames[static_cast<std::size_t>(verdict)];
}

Finding fulfilled(std::string source, std::string said, Weight weight) {
  return {std::move(source), std::move(said), State::kYes, weight, "", ""};
}

Finding unmet(std::string source, std::string said, State state, Weight weight, std::string reason,
              std::string advice) {
  return {std::move(source), std::move(said), state, weight, std::move(reason), std::move(advice)};
}

CellReport conclude(ledger::Cell cell, std::vector<Finding> findings, std::string ready) {
  const Decision decision = decide(findings);
  CellReport report;
  report.cell = cell;
  report.verdict = decision.verdict;
  if (decision.because != nullptr) ready = decision.because->reason;
  report.why = std::move(ready);
  report.next = next_step(findings, decision);
  report.findings = std::move(findings);
  return report;
}

const std::vector<ledger::Cell>& all_cells() {
  using ledger::Cell;
  static const std::vector<Cell> kCells = {
      Cell::kAppUnplanned, Cell::kAppPlanned, Cell::kAppProactive,
      Cell::kOsUnplanned,  Cell::kOsPlanned,  Cell::kOsProactive,
      Cell::kHwUnplanned,  Cell::kHwPlanned,  Cell::kHwProactive};
  return kCells;
}

std::string dotted(ledger::Cell cell) {
  std::string name(to_string(cell));
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

std::optional<ledger::Cell> cell_from(std::string_view name) {
  for (const ledger::Cell cell : all_cells()) {
    if (name == to_string(cell) || name == dotted(cell)) return cell;
  }
  return std::nullopt;
}

}  // namespace nines::matrix
