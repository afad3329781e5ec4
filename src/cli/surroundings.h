// What the daemon and the ledger know, for the matrix: asked with patience that ends.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/types.h"
#include "base/result.h"
#include "ledger/event.h"
#include "matrix/unit_facts.h"

namespace nines::cli {

struct Surroundings {
  std::optional<api::DaemonStatus> daemon;
  std::optional<Error> no_daemon;        ///< why there is none; kTimeout: it hangs
  std::vector<api::UnitStatus> units;    ///< as the daemon told them
  std::vector<matrix::UnitFacts> facts;  ///< of the units that nines keeps, also without a daemon
  std::string units_unknown;             ///< why `facts` may not be all
  std::map<ledger::Cell, ledger::Event> last;  ///< the newest event of each cell that has one
  std::string events_unknown;                  ///< why there are none; empty: they were read
};

/// Asks the daemon, or, where none answers, reads its files: the kept units and the ledger. A
/// cell's last event is looked for among the newest thousand.
/// @param patience  a daemon that has not answered by then is said to hang.
Surroundings look_around(const std::string& runtime_dir, std::chrono::milliseconds patience);

/// The path of nines-updates, which is installed beside this program; empty: it is not.
std::string updates_helper();

}  // namespace nines::cli
