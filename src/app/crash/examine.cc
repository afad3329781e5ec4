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

Result<Diagnosis> diagnose(const std::string& directory, std::vector<std::string> files) {
  NINES_ASSIGN(const UniqueFd core, sys::open_file(directory + "/core", O_RDONLY | O_NOFOLLOW));
  NINES_ASSIGN(const std::string self, sys::own_program());
  DiagnoseRequest request;
  request.program = sys::beside(self, "nines-diagnose");
  request.core = core.get();
  request.files = std::move(files);
  request.within = kPatience;
  request.background = true;
  return run_diagnose(request);
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
  return {};
}

}  // namespace

void examine(const std::string& directory, const std::vector<GoneFile>& files,
             const std::string& watchdog, Outcome* outcome) {
  const std::string store = directory.substr(0, directory.rfind('/'));
  const std::string state = store.substr(0, store.rfind('/'));
  const auto kept = keep_files(files, directory, crash_files_path(state));
  if (!kept) add_note("files of the program were not kept: " + kept.error().message(), outcome);
  const auto paths = kept ? paths_of(*kept, directory) : std::vector<std::string>();
  auto diagnosis = diagnose(directory, paths);
  if (diagnosis && !watchdog.empty()) blame_watchdog(watchdog, &diagnosis->classification);
  if (!diagnosis) {
    add_note("not diagnosed: " + diagnosis.error().message(), outcome);
  } else if (Status done = write_down(directory, state, *diagnosis, outcome); !done) {
    add_note("the diagnosis was not written down: " + done.error().message(), outcome);
  }
  const Status said = sys::replace_file(directory + "/capture.json", encode(*outcome), 0600);
  if (!said) add_note("capture.json is the first one: " + said.error().message(), outcome);
  fault::pass(FaultPoint::crash_examined);
}

}  // namespace nines::crash
