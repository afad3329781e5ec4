// The nine cells of one host.
#pragma once

#include <string>
#include <vector>

#include "matrix/finding.h"
#include "matrix/host.h"

namespace nines::matrix {

struct Matrix {
  Machine machine;
  std::vector<CellReport> cells;  ///< nine, in the order of all_cells()
};

/// Where a real host's probes look, and how long they may take.
struct ProbeOptions {
  sys::HostRoot root;
  std::string updates_helper;            ///< path of nines-updates; empty: none
  std::vector<UnitFacts> units;          ///< that nines looks after; systemd's are added
  std::string units_unknown;             ///< why `units` may not be all
  std::chrono::milliseconds limit{220};  ///< for all programs and scans together
};

/// Probes all cells. Never fails: what could not be read is in the findings.
/// @param commands  borrowed for the call.
Matrix probe(const ProbeOptions& options, Commands& commands);

/// The same with programs that really run, all ended at the limit.
Matrix probe(const ProbeOptions& options);

}  // namespace nines::matrix
