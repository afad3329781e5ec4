// The notes of a core: what the kernel knows of the process besides its memory.
#pragma once

#include <string_view>

#include "elf/core_head.h"

namespace nines::elf {

/// Adds what the notes tell. Notes of other owners and of unknown types are passed over, since each
/// kernel has new ones.
/// @pre    core->machine is set.
/// @errors kCorrupt: a note that is cut off, or none of a thread.
/// @source fs/binfmt_elf.c, fill_note_info(); include/uapi/linux/elfcore.h
Status parse_core_notes(std::string_view notes, CoreHead* core);

}  // namespace nines::elf
