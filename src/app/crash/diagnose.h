// From a core to its diagnosis. Parses hostile bytes: only inside the sandbox.
#pragma once

#include <cstdint>
#include <string_view>

#include "app/crash/diagnosis.h"
#include "base/result.h"
#include "trace/file_source.h"

namespace nines::crash {

/// How much is looked at. What makes a parser fail costs names, and never the whole diagnosis: who
/// asks tries again with less.
enum class Depth : std::uint8_t {
  kSignature,  ///< the thread that crashed, no names
  kCoreOnly,   ///< no file but the core
  kNoNames,    ///< no symbol tables
  kNoDwarf,    ///< names, and neither lines nor inlined functions
  kFull,
};

/// @param core  the whole file.
/// @errors those of trace::CoreView::open().
Result<Diagnosis> diagnose(std::string_view core, trace::FileSource* files, Depth depth);

}  // namespace nines::crash
