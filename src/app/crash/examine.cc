#include "app/crash/examine.h"

#include <fcntl.h>

#include "app/crash/crash_site.h"
#include "app/crash/diagnosis_json.h"
#include "app/crash/places.h"
#include "app/crash/run_diagnose.h"
#include "app/crash/signature_book.h"
#include "base/fault_point.h"
#include "sys/file.h"
#include "sys/own_program.h"

namespace nines::crash {
namespace {

/// Beyond it the daemon would take us for hung. nines-diagnose has shorter limits of its own.
constexpr std::chrono::seconds kPatience{40};

void add_note(const std::string& text, Outcome* outcome) {
  outcome->note += (outcome->note.empty() ? "" : "; ") + text;
}

Result<Diagnosis> diagnose(int core, std::vector<std::string> files) {
  NINES_ASSIGN(const std::string self, sys::own_program());
  DiagnoseRequest request;
  request.program = sys::beside(self, "nines-diagnose");
  request.core = core;
  request.files = std::move(files);
  request.within = kPatience;
  request.background = true;
  return run_diagnose(request);
}

std::string state_of(const std::string& directory) {
  const std::string store = directory.substr(0, directory.rfind('/'));
  return store.substr(0, store.rfind('/'));
}

void blame_watchdog(const std::string& seen, Classification* what) {
  what->evidence.insert(what->evidence.begin(), "It was ended for that: " + what->summary);
  what->kind = "watchdog";
  what->summary = "It hung: " + seen + ".";
}

Status write_down(const std::string& directory, const std::string& state,
                  const Diagnosis& diagnosis, Outcome* outcome) {
  outcome->kind = diagnosis.classification.kind;
  outcome->summary = diagnosis.classification.summary;
  outcome->signature = diagnosis.signature.id;
  outcome->function = crash_site(diagnosis);
  if (outcome->threads == 0) outcome->threads = diagnosis.thread_count;
  NINES_TRY(fault::hit(FaultPoint::crash_diagnosed));
  // First: a crash that was forgotten meanwhile is not counted.
  NINES_TRY(
      sys::replace_file(directory + "/diagnosis.json", diagnosis_json(diagnosis) + "\n", 0600));
  NINES_TRY(fault::hit(FaultPoint::crash_diagnosis_written));
  const SignatureBook book(signatures_path(state));
  NINES_ASSIGN(const KnownSignature known,
               book.add({diagnosis.signature.id, outcome->kind, outcome->summary, outcome->function,
                         outcome->program, executable_build_id(diagnosis), utc_now()}));
  outcome->same = known.count;
  outcome->first_seen = known.first_seen;
  return {};
}

void note(const std::string& directory, const Result<Diagnosis>& diagnosis, Outcome* outcome) {
  if (!diagnosis) {
    add_note("not diagnosed: " + diagnosis.error().message(), outcome);
  } else if (Status done = write_down(directory, state_of(directory), *diagnosis, outcome); !done) {
    add_note("the diagnosis was not written down: " + done.error().message(), outcome);
  }
  const Status said = sys::replace_file(directory + "/capture.json", encode(*outcome), 0600);
  if (!said) add_note("capture.json is the first one: " + said.error().message(), outcome);
  fault::pass(FaultPoint::crash_examined);
}

}  // namespace

void examine(const std::string& directory, const std::vector<GoneFile>& files,
             const std::string& watchdog, Outcome* outcome) {
  const auto kept = keep_files(files, directory, crash_files_path(state_of(directory)));
  if (!kept) add_note("files of the program were not kept: " + kept.error().message(), outcome);
  auto paths = kept ? paths_of(*kept, directory) : std::vector<std::string>();
  const auto core = sys::open_file(directory + "/core", O_RDONLY | O_NOFOLLOW);
  Result<Diagnosis> diagnosis =
      core ? diagnose(core->get(), std::move(paths)) : Result<Diagnosis>(core.error());
  if (diagnosis && !watchdog.empty()) blame_watchdog(watchdog, &diagnosis->classification);
  note(directory, diagnosis, outcome);
}

void examine_core(const std::string& directory, int core, Outcome* outcome) {
  note(directory, diagnose(core, {}), outcome);
}

void note_diagnosis(const std::string& directory, const Diagnosis& diagnosis, Outcome* outcome) {
  note(directory, diagnosis, outcome);
}

}  // namespace nines::crash
