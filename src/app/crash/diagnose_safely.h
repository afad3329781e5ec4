// A diagnosis made by a child that may do nothing else, with limits to its time and memory.
#pragma once

#include <vector>

#include "app/crash/diagnose.h"
#include "app/crash/diagnosis.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::crash {

/// Opens the files that the child asks for, and looks into none of them. If the child fails or
/// takes too long, others try with less, down to the core alone; the notes then say so.
/// @pre     the caller has one thread.
/// @param core   a regular file.
/// @param extra  files of the process that are taken by their build-ids before those on disk.
/// @param depth  kSignature: only that is tried.
/// @errors  those of diagnose(); kTimeout, kInternal: not even the core alone could be looked at.
Result<Diagnosis> diagnose_safely(int core, const std::vector<UniqueFd>& extra, Depth depth);

}  // namespace nines::crash
