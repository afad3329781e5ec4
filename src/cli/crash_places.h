// Where the crashes are that the verbs of nines crash look at: read as files, with a daemon or
// without.
#pragma once

#include <string>

#include "app/crash/kept_crash.h"
#include "app/crash/signature_book.h"
#include "cli/context.h"

namespace nines::cli {

/// The state directory of the daemon that uses this runtime directory, or did last; else the usual.
std::string state_dir_of(const std::string& runtime_dir);

struct CrashPlaces {
  std::string state, store;
  crash::SignatureBook book;
};
CrashPlaces crash_places(const Context& context);

/// Adds what to do where another user may not look.
Error explain_crashes(const Error& error);

/// crash::find_crash() in the store.
Result<crash::KeptCrash> find_crash(const CrashPlaces& places, const std::string& word);

/// The whole core where there is one, else the minimal one. Unpacked, see crash::open_core().
Result<UniqueFd> open_core_of(const crash::KeptCrash& crash);

/// nines-diagnose over a core, with the files that were kept with it.
Result<crash::Diagnosis> diagnose_now(int core, const std::vector<std::string>& files);

/// Paths of the files that a crash has kept.
std::vector<std::string> kept_file_paths(const crash::KeptCrash& crash);

}  // namespace nines::cli
