// Events and intervals as JSON: what the API sends, `export` writes and `import` reads.
//
// {"id":"...","time":"2026-11-22T22:08:01.123456789Z","since_boot_ns":1,"cell":"app/unplanned",
//  "kind":"unit.exit","subject":"redis-server.service","severity":"warning","detail":{...},
//  "caused_by":"..."}
// {"id":"...","unit":"...","start":"...","start_since_boot_ns":1,"closed":true,"end":"...",
//  "duration_ns":1,"cause_event":"...","planned":false,"cell":"app/unplanned"}
//
// In an export each line is one of these, and tells of the boot that a line before named:
// {"boot_id":"...","machine_id":"...","host":"..."}
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "ledger/event.h"
#include "ledger/record.h"

namespace nines::ledger {

/// Never fails: bytes that are not UTF-8 become U+FFFD, a detail that is no object {"text": ...}.
nlohmann::json to_json(const Event& event);
/// `end` and `duration_ns` are there when it is closed.
nlohmann::json to_json(const DowntimeInterval& interval);
/// On one line.
std::string to_json_text(const Record& record);

/// Strict: every field must be known, of its type and in its range; none may come twice. Fields
/// may be missing where the struct has a default: all but id, time, kind, unit and start.
/// @errors kInvalidArgument: the detail names the field. kLimit: longer or deeper than allowed.
Result<Event> event_from_json(std::string_view text);
/// An interval whose end is not start + duration_ns is refused.
Result<DowntimeInterval> interval_from_json(std::string_view text);

/// @param host.host_name  is "host" there.
std::string to_json_text(const HostIdentity& host);

/// A line of an export: a boot, an event or an interval, told apart by the fields that only one of
/// them has. @errors as above.
using ExportLine = std::variant<HostIdentity, Event, DowntimeInterval>;
Result<ExportLine> line_from_json(std::string_view text);

/// The limits of what is read.
inline constexpr std::size_t kMaxJsonBytes = 256 * 1024;
inline constexpr int kMaxJsonDepth = 32;
inline constexpr std::size_t kMaxIdBytes = 256;
inline constexpr std::size_t kMaxNameBytes = 512;  ///< kind, subject, unit

}  // namespace nines::ledger
