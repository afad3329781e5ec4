#include "cli/crash_places.h"

#include <unistd.h>

#include <array>

#include "api/runtime_dir.h"
#include "app/crash/core_file.h"
#include "app/crash/kept_files.h"
#include "app/crash/open_core.h"
#include "app/crash/places.h"
#include "app/crash/run_diagnose.h"
#include "sys/file.h"
#include "sys/own_program.h"

namespace nines::cli {

std::string state_dir_of(const std::string& runtime_dir) {
  std::array<char, 4096> ledger{};
  const std::string link = api::ledger_link_path(runtime_dir);
  const ssize_t n = ::readlink(link.c_str(), ledger.data(), ledger.size());
  if (n <= 0) return api::default_state_dir();
  const std::string path(ledger.data(), static_cast<std::size_t>(n));
  return path.substr(0, path.rfind('/'));
}

CrashPlaces crash_places(const Context& context) {
  std::string state = state_dir_of(context.runtime_dir);
  std::string store = crash::store_path(state);
  crash::SignatureBook book(crash::signatures_path(state));
  return {std::move(state), std::move(store), std::move(book)};
}

Error explain_crashes(const Error& error) {
  if (error.code() != ErrorCode::kDenied) return error;
  return Error(error).with_hint("what was in a process's memory is root's alone: run it with sudo");
}

Result<crash::KeptCrash> find_crash(const CrashPlaces& places, const std::string& word) {
  auto found = crash::find_crash(places.store, word);
  if (!found) return explain_crashes(found.error());
  return found;
}

Result<UniqueFd> open_core_of(const crash::KeptCrash& crash) {
  const std::string whole = crash.directory + "/core.zst";
  if (crash.outcome && !crash.outcome->core_path.empty()) {
    return crash::open_core_file(crash.outcome->core_path, crash.outcome->pid);
  }
  if (crash.outcome && crash.outcome->core == crash::kCoreNone) {
    return Error(ErrorCode::kNotFound, "open the core of", crash.id)
        .with_detail("there is none: " + crash.outcome->core_reason);
  }
  return crash::open_core(sys::exists(whole) ? whole : crash.directory + "/core");
}

Result<crash::Diagnosis> diagnose_now(int core, const std::vector<std::string>& files) {
  NINES_ASSIGN(const std::string self, sys::own_program());
  crash::DiagnoseRequest request;
  request.program = sys::beside(self, "nines-diagnose");
  request.core = core;
  request.files = files;
  return crash::run_diagnose(request);
}

std::vector<std::string> kept_file_paths(const crash::KeptCrash& crash) {
  const auto kept = crash::read_kept_files(crash.directory);
  return kept ? crash::paths_of(*kept, crash.directory) : std::vector<std::string>();
}

}  // namespace nines::cli
