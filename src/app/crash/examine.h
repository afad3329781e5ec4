// What is done with a crash once its process could go: nobody waits for this.
#pragma once

#include <string>
#include <vector>

#include "app/crash/diagnosis.h"
#include "app/crash/kept_files.h"
#include "app/crash/outcome.h"

namespace nines::crash {

/// Keeps the files, diagnoses the core, notes the signature in the book, and writes down what came
/// of it: "diagnosis.json", and capture.json anew. The crash stays kept whatever fails here;
/// `outcome` then says so in its note.
/// @param directory  STATE/crashes/ID, with the core in it.
/// @param watchdog   it was made to crash, since it hung: what was seen of that. No core tells.
/// @pre   as for run_diagnose().
void examine(const std::string& directory, const std::vector<GoneFile>& files,
             const std::string& watchdog, Outcome* outcome);

/// As examine(), of a core that is elsewhere.
void examine_core(const std::string& directory, int core, Outcome* outcome);

/// Writes down what was found out already.
void note_diagnosis(const std::string& directory, const Diagnosis& diagnosis, Outcome* outcome);

}  // namespace nines::crash
