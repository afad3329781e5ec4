#include "app/crash/gone_process.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/crash/core_file.h"
#include "app/crash/crash_arguments.h"
#include "app/crash/crash_directory.h"
#include "app/crash/examine.h"
#include "app/crash/hook.h"
#include "app/crash/log_tail.h"
#include "app/crash/outcome.h"
#include "app/crash/signature.h"
#include "app/crash/whole_core.h"
#include "base/fault_point.h"
#include "sys/file.h"
#include "sys/signals.h"

namespace nines::crash {
namespace {

std::string name_of(const GoneProcess& gone) {
  return safe_name(gone.program.substr(gone.program.rfind('/') + 1));
}

/// There is no core of a process that was killed, and no place in it to tell.
Diagnosis killed_for_memory(const GoneProcess& gone, const std::string& unit) {
  Diagnosis diagnosis;
  diagnosis.pid = gone.pid;
  diagnosis.name = name_of(gone);
  diagnosis.arguments = gone.program;
  diagnosis.signal.number = gone.signal;
  diagnosis.signal_name = sys::signal_name(gone.signal);
  diagnosis.classification.kind = "oom-kill";
  diagnosis.classification.summary = "The kernel killed it, since no memory was left for it.";
  diagnosis.classification.evidence = gone.oom;
  diagnosis.signature.frames = {"oom-kill", unit, gone.program};
  diagnosis.signature.id =
      signature_id(fmt::format("{}", fmt::join(diagnosis.signature.frames, "\n")));
  return diagnosis;
}

Status keep(const CrashArguments& arguments, const Outcome& outcome) {
  NINES_ASSIGN(auto directory, CrashDirectory::make(arguments.directory));
  NINES_TRY(fault::hit(FaultPoint::crash_directory_made));
  // Without it the rest is as true.
  if (!arguments.log.empty()) (void)keep_log_tail(arguments.log, directory.part()).has_value();
  NINES_TRY(sys::replace_file(directory.part() + "/capture.json", encode(outcome), 0600));
  NINES_TRY(directory.finish());
  fault::pass(FaultPoint::crash_kept);
  return {};
}

}  // namespace

std::vector<std::string> words_of(const GoneProcess& gone) {
  std::vector<std::string> words = {"--gone", std::to_string(gone.pid), std::to_string(gone.signal),
                                    gone.program};
  for (const std::string& one : gone.oom) words.insert(words.end(), {"--oom", one});
  if (!gone.directory.empty()) words.insert(words.end(), {"--core-in", gone.directory});
  return words;
}

Status keep_gone(const CrashArguments& arguments, Outcome* outcome) {
  // Nothing waits for this, and its unit's successor may be starting.
  work_in_the_background();
  const GoneProcess& gone = *arguments.gone;
  outcome->pid = gone.pid;
  outcome->program = name_of(gone);
  outcome->signal = gone.signal;
  outcome->core = kCoreNone;
  if (!gone.oom.empty()) {
    outcome->core_reason = "the kernel writes none of a process that it kills";
    NINES_TRY(keep(arguments, *outcome));
    note_diagnosis(arguments.directory, killed_for_memory(gone, arguments.unit), outcome);
    return {};
  }
  NINES_ASSIGN(const std::string pattern, read_pattern());
  NINES_ASSIGN(const CoreFile core, find_core_file(gone.directory, pattern, gone.pid));
  outcome->core_path = core.path;
  outcome->core_reason = "the kernel wrote it to a file, which stays where it is: " + core.path;
  NINES_TRY(keep(arguments, *outcome));
  examine_core(arguments.directory, core.file.get(), outcome);
  return {};
}

}  // namespace nines::crash
