#include "cli/verb_details.h"

#include <array>

namespace nines::cli {
namespace {

struct Details {
  std::string_view verb, text;
};

constexpr std::array<Details, 10> kDetails = {{
    {"cell",
     "The layers are app, os and hw; the ways unplanned, planned and proactive. The verb itself "
     "may "
     "be left out: nines app.unplanned. Without a cell, nines shows all nine. Each verdict is from "
     "what was read just now; what this user may not read, or what did not answer in time, is said "
     "to be unknown."},
    {"keep",
     "With a daemon, the units are started and remembered, and their events are shown until "
     "Ctrl-C, which stops them again and forgets those that were not remembered before. With "
     "--detach they stay up. Without a daemon, and for a command after --, this program becomes "
     "a supervisor of its own in the foreground, as a container's ENTRYPOINT: nines keep -- "
     "redis-server --port 7000."},
    {"unkeep", "The opposite of what nines keep remembers. To end a unit now: nines stop."},
    {"start",
     "Returns when each unit is ready (READY=1, or exec for a plain service) or has failed. A "
     "path with a '/' in it is read here and given to the daemon as a unit until the next boot."},
    {"stop",
     "Time from here on counts as planned downtime. A unit that is kept comes back with "
     "the next boot."},
    {"status",
     "Units in trouble come first. UP 24 H is the share of the last 24 hours in which the unit "
     "served; it is red below its AvailabilityTarget=. LAST RECOVERY is the time from the notice "
     "of its last death until it was ready again."},
    {"logs", "On a terminal, control characters in the log are shown and not obeyed."},
    {"events", "Oldest first. Times are UTC."},
    {"daemon reexec", "Returns when the new daemon answers, or after 30 s with an error."},
    {"completion", "To try it: source <(nines completion)"},
}};

}  // namespace

std::string_view details_of(std::string_view verb) {
  for (const Details& details : kDetails) {
    if (details.verb == verb) return details.text;
  }
  return "";
}

}  // namespace nines::cli
