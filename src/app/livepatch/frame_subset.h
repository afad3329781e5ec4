// The unwind rules of some of an object's functions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "elf/object.h"

namespace nines::livepatch {

struct FrameSubset {
  std::string bytes;                               ///< an .eh_frame without an end mark
  std::vector<elf::ObjectRelocation> relocations;  ///< of the functions' addresses only
};

/// @param wanted  by index of a code section. Personality routines are left out: nothing is thrown
///                through these frames, they are for whoever looks at the stack.
/// @source LSB 5.0 Core, section 10.6 "Exception Frames"
FrameSubset frames_of(const elf::Object& object, const std::function<bool(std::size_t)>& wanted);

}  // namespace nines::livepatch
