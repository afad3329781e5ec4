#include "ledger/warnings.h"

#include <algorithm>
#include <set>

#include "ledger/cause.h"
#include "ledger/reader_rows.h"
#include "ledger/why.h"

namespace nines::ledger {
namespace {

/// An imported ledger may hold any number of kinds.
class KnownPredictors {
 public:
  std::string limited(std::string name) {
    if (known_.contains(name)) return name;
    if (known_.size() >= kMaxPredictors) return "other";
    known_.insert(name);
    return name;
  }

 private:
  std::set<std::string> known_;
};

}  // namespace

Result<Warnings> Warnings::read(Database* database, UtcTime from, UtcTime to) {
  const std::int64_t begin = from.ns - kMaxHorizon.count();
  NINES_ASSIGN(
      const auto events,
      read_all<StoredEvent>(database, std::string(kEventColumns) + kPredictionsCondition,
                            read_event, kPredictionKinds, static_cast<int>(Severity::kWarning),
                            begin, to.ns, kMaxPredictions));
  Warnings warnings;
  KnownPredictors known;
  for (auto it = events.rbegin(); it != events.rend(); ++it) {
    Prediction prediction = prediction_of(it->event);
    prediction.predictor = known.limited(std::move(prediction.predictor));
    warnings.by_subject_[it->event.subject].push_back(std::move(prediction));
  }
  if (warnings.empty()) return warnings;
  using Action = std::pair<std::string, UtcTime>;
  NINES_ASSIGN(const auto actions,
               read_all<Action>(
                   database, kActionsQuery,
                   [](const auto& rows) { return Action(rows.bytes(0), UtcTime{rows.int64(1)}); },
                   kRejuvenatedKind, begin, to.ns, kMaxPredictions));
  for (const auto& [unit, time] : actions) warnings.rejuvenations_[unit].push_back(time);
  return warnings;
}

std::span<const Prediction> Warnings::about(const std::string& unit) const {
  const auto found = by_subject_.find(unit);
  if (found == by_subject_.end()) return {};
  return found->second;
}

std::vector<Prediction> Warnings::that_may_tell_of(const std::string& unit) const {
  const auto of_host = about("");
  std::vector<Prediction> all(of_host.begin(), of_host.end());
  if (unit.empty()) return all;
  const auto own = about(unit);
  all.insert(all.end(), own.begin(), own.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const Prediction& a, const Prediction& b) { return a.time < b.time; });
  return all;
}

std::vector<UtcTime> Warnings::rejuvenations(const std::string& unit) const {
  const auto found = rejuvenations_.find(unit);
  return found == rejuvenations_.end() ? std::vector<UtcTime>() : found->second;
}

}  // namespace nines::ledger
