// Gives a crash to the handler that was there before us, as the kernel would have.
#pragma once

#include <string>

#include "app/crash/capture.h"
#include "base/result.h"

namespace nines::crash {

/// Feeds a pipe's program, or writes the file that the pattern names. The whole core passes through
/// here.
///  - A program gets what the kernel gives it: the core on standard input, the words filled in, a
///    handle of the process as descriptor 3, root's rights; the process waits until it has ended.
///  - A file is written with the process's own user and groups, in its own root or directory, no
///    longer than its core limit, over no file that is not its own.
/// @param start  what read_core_start() read from the stream.
/// @return to whom it was given, in words; also when its core limit forbids a file.
/// @errors kUnsupported: a file of a process that changed its privileges, and what is neither (a
///         socket). Others: it failed on the way.
Result<std::string> pass_to_former(const std::string& pattern, const Victim& victim,
                                   const CoreStart& start, BootTime deadline);

}  // namespace nines::crash
