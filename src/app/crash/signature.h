// The name of a crash: the same for the same crash, whatever address it was loaded to, whether its
// symbols are there or not, however deep a recursion went.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "app/crash/diagnosis.h"
#include "trace/stack.h"

namespace nines::crash {

/// The rule, from the frame of the fault outwards:
///  1. What the kernel put there for a signal, and what is inlined, does not count. A frame that
///  was
///     found by scanning the stack ends it: a guess is not the same twice.
///  2. Leading frames in the C and C++ runtime do not count (libc, libm, libpthread, the dynamic
///     linker, libstdc++, libgcc_s, libc++, libc++abi, libunwind, and the vdso): how abort() gets
///     to the kernel, or which variant of memcpy() this processor has, is no matter of the crash.
///     By the file's name and not by function names, which may be missing. If nothing else is
///     there, they count.
///  3. Repetitions of up to four frames in a row count once.
///  4. Of what is left the first five, each as build-id (without one: the file's name) and offset
///  in
///     the file. Code that is in no file is "anonymous".
///  5. Hashed together with the signal's number.
/// @param first  index of the frame of the fault.
Signature signature_of(int signal, const trace::Stack& stack, std::size_t first);

/// @return the 32 digits for what makes a signature.
std::string signature_id(std::string_view text);

/// @return whether the file of this name belongs to the C or C++ runtime.
bool is_runtime(std::string_view name);

}  // namespace nines::crash
