#include "daemon/event_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "api/limits.h"
#include "ledger/reader.h"

namespace nines::daemon {
namespace {

bool matches(const ledger::Event& event, const api::EventFilter& filter) {
  return (filter.unit.empty() || event.subject == filter.unit) &&
         (!filter.since || event.time >= *filter.since);
}

ledger::EventFilter query_for(const api::EventFilter& filter) {
  ledger::EventFilter query;
  if (!filter.unit.empty()) query.subject = filter.unit;
  query.since = filter.since;
  query.limit = filter.limit;
  return query;
}

std::vector<ledger::Event> newest(const std::string& database,
                                  const std::deque<ledger::Event>& recent,
                                  const api::EventFilter& filter) {
  std::vector<ledger::Event> result;
  std::set<std::string> seen;
  if (auto reader = ledger::Reader::open(database)) {
    if (auto stored = reader->events(query_for(filter))) {
      for (auto it = stored->rbegin(); it != stored->rend(); ++it) {
        seen.insert(it->event.id);
        result.push_back(std::move(it->event));
      }
    }
  }
  for (const ledger::Event& event : recent) {
    if (matches(event, filter) && seen.insert(event.id).second) result.push_back(event);
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
  if (result.size() > filter.limit) {
    result.erase(result.begin(), result.end() - static_cast<std::ptrdiff_t>(filter.limit));
  }
  return result;
}

Result<std::vector<ledger::Event>> after(const std::string& database,
                                         const std::deque<ledger::Event>& recent,
                                         const api::EventFilter& filter) {
  std::vector<ledger::Event> result;
  std::set<std::string> seen;
  std::optional<std::int64_t> seq;  // of the event that was seen last
  auto reader = ledger::Reader::open(database);
  if (reader) {
    if (const auto last_seen = reader->event(filter.after)) {
      seq = last_seen->seq;
      ledger::EventFilter query = query_for(filter);
      query.after_seq = seq;
      query.limit = api::kMaxEvents + 1;
      NINES_ASSIGN(auto stored, reader->events(query));
      for (auto& later : stored) {
        seen.insert(later.event.id);
        result.push_back(std::move(later.event));
      }
    }
  }
  const auto last_seen = std::find_if(recent.begin(), recent.end(),
                                      [&](const auto& event) { return event.id == filter.after; });
  if (!seq && last_seen == recent.end()) {
    return Error(ErrorCode::kNotFound, "events after", filter.after)
        .with_detail("no such event is known here")
        .with_hint("ask with since= a time instead");
  }
  const auto first = last_seen == recent.end() ? recent.begin() : std::next(last_seen);
  for (auto event = first; event != recent.end(); ++event) {
    if (!matches(*event, filter) || !seen.insert(event->id).second) continue;
    // In the ledger, and not among those after it: before it.
    if (last_seen == recent.end() && reader->event(event->id)) continue;
    result.push_back(*event);
  }
  if (result.size() <= api::kMaxEvents) return result;
  return Error(ErrorCode::kLimit, "events after", filter.after)
      .with_detail(fmt::format("more than {} came since", api::kMaxEvents))
      .with_hint("ask with since= a time instead");
}

}  // namespace

Result<std::vector<ledger::Event>> event_history(const std::string& database,
                                                 const std::deque<ledger::Event>& recent,
                                                 const api::EventFilter& filter) {
  if (!filter.after.empty()) return after(database, recent, filter);
  return newest(database, recent, filter);
}

}  // namespace nines::daemon
