#include "app/livepatch/patch_target.h"

#include <elf.h>
#include <fmt/format.h>

#include "elf/byte_reader.h"
#include "elf/program.h"

namespace nines::livepatch {

Result<ProgramFile> read_program_file(std::string_view bytes) {
  NINES_ASSIGN(const elf::Program program, elf::parse_program(bytes));
  ProgramFile file;
  file.build_id = elf::build_id_of_file(program, bytes);
  if (file.build_id.empty()) {
    return Error(ErrorCode::kUnsupported, "read program")
        .with_detail("it has no build-id, by which a patch would know it again")
        .with_hint("link it with -Wl,--build-id");
  }
  for (const Elf64_Phdr& segment : program.segments) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    const auto code = elf::slice(bytes, segment.p_offset, segment.p_filesz);
    if (!code) return Error(ErrorCode::kCorrupt, "read program").with_detail("its code is cut off");
    file.code.push_back({segment.p_vaddr, *code});
  }
  return file;
}

Result<Presence> look_for(const elf::Object& before, const ObjectDiff& diff,
                          const ProgramFile& program) {
  Presence presence;
  for (const SectionPair& pair : diff.changed) {
    const elf::ObjectSection& section = before.sections()[pair.before];
    std::size_t count = 0;
    for (const RunningCode& code : program.code) {
      NINES_ASSIGN(const auto matches, find_matches(before, pair.before, code));
      count += matches.size();
    }
    std::string name = function_name(section);
    if (count == 0) {
      presence.missing.push_back(std::move(name));
    } else if (count == 1) {
      presence.found.push_back(std::move(name));
    } else {
      presence.ambiguous.push_back(fmt::format("{} ({} places)", name, count));
    }
  }
  return presence;
}

}  // namespace nines::livepatch
