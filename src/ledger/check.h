// Looking for damage in a ledger, and saving what can be saved of a damaged one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/record.h"

namespace nines::ledger {

/// Something that must not be.
struct Finding {
  std::string rule;    ///< "structure", "reference", "overlap", "open twice"
  std::string detail;  ///< one line
};

/// Reads all of it: the structure of the file, every reference, and that no unit is down twice at a
/// time. A file that is too damaged to be read is a finding, too.
/// @return at most kMaxFindings; none: it is sound.
/// @errors kNotFound, kDenied, kIo; kUnsupported: of another version or program.
Result<std::vector<Finding>> check(const std::string& path);
inline constexpr std::size_t kMaxFindings = 100;

struct Repaired {
  std::string set_aside;   ///< where the damaged file is now; empty: it was sound, nothing was done
  std::size_t events = 0;  ///< saved
  std::size_t intervals = 0;
  std::size_t unreadable = 0;  ///< rows, or stretches of them, that were not saved
};

/// Sets a damaged ledger aside under the name that quarantine_name() gives, never deletes it, and
/// begins a new one with every record that can still be read.
/// @pre     no daemon uses it.
/// @param   host  whose boots those are that cannot be read any more.
/// @errors  as check(), and kNoSpace; then the damaged file is where it was.
Result<Repaired> repair(const std::string& path, const HostIdentity& host);

}  // namespace nines::ledger
