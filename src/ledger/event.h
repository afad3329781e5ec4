// What happened: the events that every room emits and the ledger keeps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace nines::ledger {

/// The nine cells: layer x way. Stored as text; the names are part of the API.
enum class Cell : std::uint8_t {
  kAppUnplanned,
  kAppPlanned,
  kAppProactive,
  kOsUnplanned,
  kOsPlanned,
  kOsProactive,
  kHwUnplanned,
  kHwPlanned,
  kHwProactive,
};
std::string_view to_string(Cell cell);  ///< "app/unplanned"

enum class Severity : std::uint8_t { kInfo, kWarning, kError };
std::string_view to_string(Severity severity);  ///< "info", "warning", "error"

/// One event. Append-only: never changed once written.
struct Event {
  std::string id;  ///< unique for ever; writing the same id again changes nothing
  UtcTime time;
  BootTime since_boot;
  Cell cell = Cell::kAppUnplanned;
  std::string kind;     ///< "unit.exit", "unit.ready", "health.fail" ...; see docs/ledger.md
  std::string subject;  ///< the unit, or empty for the host
  Severity severity = Severity::kInfo;
  std::string detail_json = "{}";  ///< an object
  std::string caused_by;           ///< id of another event, or empty
};

/// One span in which an application did not serve.
struct DowntimeInterval {
  std::string id;  ///< unique for ever; derived from the instance that went down
  std::string unit;
  UtcTime start;
  BootTime start_since_boot;
  bool closed = false;
  UtcTime end;              ///< when closed: start + measured duration, free of clock jumps
  Nanoseconds duration{0};  ///< measured on the monotonic clock
  std::string cause_event;  ///< id of the event that began it
  bool planned = false;
  Cell cell = Cell::kAppUnplanned;
};

/// Where rooms put what happened. The daemon binds it to the ledger.
/// Both calls return at once and never fail towards the caller: a supervisor does not stop
/// supervising because its ledger's disk is full.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void emit(Event event) = 0;
  /// Opens or closes: the same id again, with closed set, ends the interval.
  virtual void downtime(DowntimeInterval interval) = 0;
};

/// A new id: 128 bits as 32 hexadecimal digits, 48 of UTC milliseconds and 80 random ones.
std::string new_id();

}  // namespace nines::ledger
