// What kind of crash it was, and what that follows from.
#pragma once

#include <optional>
#include <string>

#include "app/crash/diagnosis.h"
#include "app/crash/fault.h"
#include "app/crash/runtime_facts.h"
#include "trace/core_view.h"
#include "trace/stack.h"

namespace nines::crash {

/// @param message    what glibc left, if anything.
/// @param exception  for which there was no handler, if there was one.
Classification classify(const trace::CoreView& core, const trace::Stack& stack, const Fault& fault,
                        const std::optional<std::string>& message,
                        const std::optional<CxxException>& exception);

/// Of SIGSEGV: what was wrong with the address. Part of classify().
Classification classify_address(const trace::CoreView& core, const trace::Stack& stack,
                                const Fault& fault);

/// Of SIGABRT: who gave up, and why. Part of classify().
Classification classify_abort(const std::optional<std::string>& message,
                              const std::optional<CxxException>& exception);

}  // namespace nines::crash
