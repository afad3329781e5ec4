// The whole ledger as JSON lines, which `import` takes in; see event_json.h.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/result.h"

namespace nines::ledger {

struct Exported {
  std::size_t boots = 0;
  std::size_t events = 0;
  std::size_t intervals = 0;
};

/// Events in the order of their arrival, then intervals by their beginning; each group after the
/// line of its boot. One consistent state, however long it takes; never all of it in memory.
/// @param line  called with each line, without the newline; false: stop there.
/// @errors kNotFound: no ledger. kUnsupported, kCorrupt, kDenied, kIo.
Result<Exported> export_ledger(const std::string& path,
                               const std::function<bool(const std::string& line)>& line);

}  // namespace nines::ledger
