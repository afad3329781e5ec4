// The symbols that a running module's own file names.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "app/livepatch/run_pre.h"
#include "base/result.h"
#include "trace/live_view.h"

namespace nines::livepatch {

/// All of its .symtab and .dynsym, at their addresses in the process; names that mean two addresses
/// are left out.
KnownSymbols known_symbols(const trace::ModuleView& module);

/// A function or variable that some loaded module exports, as a program that is linked against it
/// would find it: in the order of the modules.
/// @errors kNotFound. kUnsupported: the processor decides which function it is (IFUNC).
Result<std::uint64_t> exported_address(trace::LiveView& process, const std::string& name);

}  // namespace nines::livepatch
