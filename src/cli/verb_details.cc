#include "cli/verb_details.h"

#include <array>

namespace nines::cli {
namespace {

struct Details {
  std::string_view verb, text;
};

constexpr std::array<Details, 26> kDetails = {{
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
    {"rejuvenate",
     "Where ninesd holds a unit's listening sockets (a .socket unit), the successor is started "
     "beside it and serves before the old process is asked to end; otherwise this is a restart. It "
     "counts as no downtime if the unit's HealthCheck= saw none meanwhile. OnPredicted=rejuvenate "
     "does this by itself before a limit is hit."},
    {"status",
     "Units in trouble come first. UP 24 H is the share of the last 24 hours in which the unit "
     "served; it is red below its AvailabilityTarget=. LAST RECOVERY is how long its last "
     "downtime took, until it was ready again."},
    {"logs", "On a terminal, control characters in the log are shown and not obeyed."},
    {"events", "Oldest first. Times are UTC."},
    {"why",
     "A window begins no earlier than a unit was first ready. UP is the share of it in which the "
     "unit served; NINES its number of nines; MTBF the time served for each failure and MTTR its "
     "mean length. BUDGET LEFT is what AvailabilityTarget= allows and is not used yet; planned "
     "downtime uses it too. A burn rate of 1 uses the budget up exactly. Foretold is what a "
     "warning "
     "had announced. With the id of an event: its causes, what came of it, the downtime. Without a "
     "daemon the ledger's file is read."},
    {"patch build",
     "The source is built twice in a copy, before and after the diff, with the compilers in PATH; "
     "each "
     "compiled file is compared function by function. The program must have been made of this "
     "source "
     "by this compiler with these flags, which is proved by finding the code of each function that "
     "changes in it. What a running program cannot take is refused with the reason: live data with "
     "another value or size, new thread-local data, code that runs at the start."},
    {"patch apply",
     "A process is known by the build-id in its memory. Everything is prepared while it runs; then "
     "all "
     "of its threads stand still for about a millisecond, and all functions are switched or none: "
     "not "
     "while one of them is on a stack. The patch is a mapping of the process itself, and ends with "
     "it: a restarted process is not patched. Needs the right to ptrace."},
    {"updates",
     "Compares dpkg's packages with the security archives' indexes as the last apt-get update left "
     "them; alters and fetches nothing. In use is what a process has mapped to execute. What to "
     "expect of a restart is the mean downtime of those of the last year by the ledger. As root "
     "all processes are seen, else one's own."},
    {"export",
     "Events in the order in which they came, then downtimes. Reads the file, so that it works "
     "beside a daemon and without one."},
    {"import",
     "Every line is checked; an error names the line and the field, and then nothing of the file "
     "is "
     "taken. What the ledger has already (by id) stays as it is, so that importing twice is "
     "importing once. A running daemon's records wait meanwhile and are not lost."},
    {"ledger check",
     "Reads all of it: the structure of the file, its references, and that no unit is down twice "
     "at "
     "a time. Exits with 1 if there is something to be found."},
    {"ledger repair",
     "For when the daemon does not run. The damaged file is renamed to ledger.db.corrupt-TIME and "
     "never deleted. A sound ledger is left as it is."},
    {"crash list",
     "Times are UTC. WHERE is the program's own function in which it was, SEEN how often it "
     "crashed "
     "so, by its signature, since that is known; crashes that were removed meanwhile count. This "
     "and the other verbs of nines crash read the state directory themselves, so that they work "
     "without a daemon, and need root: a core holds what was in the process's memory."},
    {"crash show",
     "What and where it was, how often, then the stack of the thread that crashed, and what the "
     "others did. Was it not diagnosed when it was kept, that is done now. With --core any core of "
     "Linux is read, in a sandbox; one that is packed by zstd is unpacked into TMPDIR or /var/tmp. "
     "Exits with 5 where there is no such crash, and with 1 where several begin so, which are "
     "named."},
    {"crash gdb",
     "The whole core where one was kept, else registers and stacks: there bt works, and print "
     "*pointer mostly does not. The executable and libraries are those that crashed, also when "
     "they were replaced since. What is unpacked for it is removed afterwards. Exits as gdb does."},
    {"crash export",
     "Core, facts, diagnosis, what is known of the signature, and the executable, if what is at "
     "its path is still the one that crashed. Values in the environment whose names look like "
     "secrets are left out; what was on the stacks is not. The file is for its owner alone "
     "(0600)."},
    {"crash forget",
     "Which: by ids, by a signature, by age, or all; one of these. What is known of a signature "
     "stays, with its note, unless it is named by --signature. Exits with 5 where there is none."},
    {"crash note",
     "nines crash show prints note and fix with each crash of that signature. Without a diagnosis "
     "there is no signature to write about."},
    {"crash setup",
     "Writes to /proc/sys/kernel/core_pattern: on Linux 6.17 or later the daemon's socket, else a "
     "program of ours; then crashes a process of its own to see that it is kept, and gives the "
     "former value back if it is not. Needs root, and for the socket a daemon that runs. As long "
     "as it is set up, ninesd writes the pattern when it starts and the former one when it ends "
     "in order. Exits with 4 where core_pattern cannot be written: without root, or where "
     "/proc/sys is read-only as in a container. There units are started again at the kernel's "
     "notice of a crash all the same, and cores are files (LimitCORE=)."},
    {"daemon reexec", "Returns when the new daemon answers, or after 30 s with an error."},
    {"completion",
     "Verbs, options, their values, cells, and the names of the units that the daemon knows. For "
     "all "
     "users of bash: nines completion bash >/usr/share/bash-completion/completions/nines; of zsh: "
     "nines completion zsh >/usr/local/share/zsh/site-functions/_nines."},
}};

}  // namespace

std::string_view details_of(std::string_view verb) {
  for (const Details& details : kDetails) {
    if (details.verb == verb) return details.text;
  }
  return "";
}

}  // namespace nines::cli
