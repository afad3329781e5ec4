// nines-crash DIRECTORY: takes the process that the kernel announces over the connection on
// descriptor 3 into that directory; or with --pipe one whose core comes over a pipe. A program of
// its own: whatever a hostile process does to it, the daemon goes on, and whatever happens to the
// daemon, it goes on.
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "app/crash/crash_arguments.h"
#include "app/crash/crash_store.h"
#include "app/crash/examine.h"
#include "app/crash/gone_process.h"
#include "app/crash/keeping.h"
#include "app/crash/kept_files.h"
#include "app/crash/log_tail.h"
#include "app/crash/outcome.h"
#include "app/crash/places.h"
#include "app/crash/signature_book.h"
#include "base/fault_point.h"

namespace {

using namespace nines;
using crash::Outcome;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;

/// For standard output, which may be a file that the daemon reads after our end.
void say(const Outcome& outcome) {
  const std::string line = crash::encode(outcome);
  const ssize_t written = ::write(STDOUT_FILENO, line.data(), line.size());
  // Nobody to tell. Of what was kept, the directory tells.
  static_cast<void>(written);
}

/// After the process could go: nobody waits for this, nor for what follows.
void examine(const crash::CrashArguments& arguments, const crash::Keeping& keeping,
             Outcome* outcome) {
  // What it printed may have been on its way to the log until now.
  if (!arguments.log.empty()) {
    (void)crash::keep_log_tail(arguments.log, arguments.directory).has_value();
  }
  if (outcome->core == crash::kCoreNone) return;
  crash::examine(arguments.directory, keeping.gone_files(), arguments.watchdog, outcome);
  if (outcome->core != crash::kCoreFull || outcome->same == 0) return;
  // Only for whoever reads the book: what keeps the next one short is the core itself.
  const crash::SignatureBook book(crash::signatures_path(arguments.state()));
  (void)book.set_whole_core(outcome->signature, utc_now()).has_value();
}

void tidy(const crash::CrashArguments& arguments, Outcome* outcome) {
  const auto tidied = crash::tidy(arguments.store(), arguments.name(), arguments.limits);
  if (!tidied) return;
  outcome->removed = tidied->removed;
  outcome->cores_removed = tidied->cores;
  crash::tidy_pool(crash::crash_files_path(arguments.state()));
}

/// Says what became of it. @return the exit code.
int end(const Status& kept, Outcome* outcome) {
  if (!kept) {
    outcome->error = kept.error().message();
    outcome->error_code = to_string(kept.error().code());
    std::fprintf(stderr, "nines-crash: %s\n", outcome->error.c_str());
  }
  say(*outcome);
  return kept ? 0 : kExitFailure;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = crash::parse_crash_arguments(argc, argv);
  if (!arguments) {
    std::fputs(crash::kCrashUsage, stderr);
    return kExitUsage;
  }
  if (const auto armed = fault::arm_from_environment(); !armed) return kExitUsage;
  ::signal(SIGPIPE, SIG_IGN);
  Outcome outcome;
  outcome.unit = arguments->unit;
  if (arguments->gone) {
    const Status kept = crash::keep_gone(*arguments, &outcome);
    tidy(*arguments, &outcome);
    return end(kept, &outcome);
  }
  crash::Keeping keeping(*arguments);
  const Status kept = keeping.keep_essentials(&outcome);
  if (kept && outcome.passed_to.empty()) {
    // If this is killed, capture.json tells.
    if (!keeping.keep_whole_core(&outcome)) {
      say(outcome);
      ::_exit(0);
    }
  }
  keeping.let_go();
  if (arguments->in_store && outcome.passed_to.empty()) {
    if (kept) examine(*arguments, keeping, &outcome);
    tidy(*arguments, &outcome);
  }
  return end(kept, &outcome);
}
