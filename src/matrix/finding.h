// What a probe found, and what follows from it for one of the nine cells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/event.h"

namespace nines::matrix {

/// What one look at the host said about one requirement.
enum class State : std::uint8_t {
  kYes,
  kPartly,
  kNo,
  kBarred,   ///< no, and nothing that is done here can change that
  kUnknown,  ///< could not be read, or did not answer in time
};
std::string_view to_string(State state);  ///< "yes", "partly", "no", "barred", "unknown"

/// How much a requirement counts.
enum class Weight : std::uint8_t {
  kRequired,  ///< without it the cell does nothing
  kMain,      ///< one of several without which, all together, the cell does nothing
  kHelpful,   ///< without it the cell does less
  kNote,      ///< to be known; changes no verdict
};
std::string_view to_string(Weight weight);  ///< "required", "main", "helpful", "note"

struct Finding {
  std::string source;  ///< the path that was read, or the command that was run
  std::string said;    ///< what it said, for people; may hold bytes of others, made printable
  State state = State::kUnknown;
  Weight weight = Weight::kNote;
  std::string reason;  ///< a few words for the verdict's why; what holds if the state is not kYes
  std::string advice;  ///< the command to run or the setting to make; empty: none
};

/// One that asks for nothing: kYes.
Finding fulfilled(std::string source, std::string said, Weight weight);

/// One that asks for something, or cannot be known.
Finding unmet(std::string source, std::string said, State state, Weight weight, std::string reason,
              std::string advice);

enum class Verdict : std::uint8_t { kReady, kPartial, kMissing, kImpossible, kUnknown };
/// "ready", "partial", "missing", "not possible here", "unknown".
std::string_view to_string(Verdict verdict);

struct CellReport {
  ledger::Cell cell = ledger::Cell::kAppUnplanned;
  Verdict verdict = Verdict::kUnknown;
  std::string why;   ///< in one line
  std::string next;  ///< the next command or setting; empty: nothing to do
  std::vector<Finding> findings;
};

/// Draws the conclusion. The rules, first match wins:
///   a required or main finding is barred                    -> not possible here
///   a required one says no, or all main ones do             -> missing
///   a required one is unknown, or all main ones are         -> unknown
///   any that counts says no, partly, barred or is unknown   -> partial
///   otherwise                                               -> ready
/// `why` is the reason of the finding that led there: of the weightiest, "no" before "partly", then
/// in order; `next` its advice, or else that of the first finding that has one and is not
/// fulfilled.
/// @param ready  what to say when all is well.
CellReport conclude(ledger::Cell cell, std::vector<Finding> findings, std::string ready);

/// @param name  "app.unplanned" or "app/unplanned".
std::optional<ledger::Cell> cell_from(std::string_view name);
std::string dotted(ledger::Cell cell);  ///< "app.unplanned", as it is typed

/// In the order of the rows and columns.
const std::vector<ledger::Cell>& all_cells();

}  // namespace nines::matrix
