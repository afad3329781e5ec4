#include "app/livepatch/program_file.h"

#include <elf.h>

#include <cstring>

#include "app/livepatch/object_diff.h"
#include "elf/byte_reader.h"
#include "elf/memory.h"
#include "elf/object.h"

namespace nines::livepatch {
namespace {

/// What the loader would map, at the file's own addresses. Slots that the dynamic linker fills are
/// as they are in the file.
class FileMemory : public elf::Memory {
 public:
  FileMemory(const elf::Program& program, std::string_view bytes)
      : program_(program), bytes_(bytes) {}

  bool read(std::uint64_t address, void* into, std::size_t size) const override {
    for (const Elf64_Phdr& segment : program_.segments) {
      if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
      const std::uint64_t in = address - segment.p_vaddr;
      if (in > segment.p_filesz || segment.p_filesz - in < size) continue;
      const auto found = elf::slice(bytes_, segment.p_offset + in, size);
      if (!found) return false;
      std::memcpy(into, found->data(), size);
      return true;
    }
    return false;
  }

 private:
  const elf::Program& program_;
  std::string_view bytes_;
};

}  // namespace

Result<ProgramFile> ProgramFile::read(std::string_view bytes) {
  ProgramFile file;
  file.bytes_ = bytes;
  NINES_ASSIGN(file.program_, elf::parse_program(bytes));
  file.build_id_ = elf::build_id_of_file(file.program_, bytes);
  if (file.build_id_.empty()) {
    return Error(ErrorCode::kUnsupported, "read program")
        .with_detail("it has no build-id, by which a patch would know it again")
        .with_hint("link it with -Wl,--build-id");
  }
  for (const Elf64_Phdr& segment : file.program_.segments) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    const auto code = elf::slice(bytes, segment.p_offset, segment.p_filesz);
    if (!code) return Error(ErrorCode::kCorrupt, "read program").with_detail("its code is cut off");
    file.code_.push_back({segment.p_vaddr, std::string(*code)});
  }
  return file;
}

Result<std::vector<std::string>> ProgramFile::has(const ObjectInput& object) const {
  NINES_ASSIGN(const elf::Object pre, elf::Object::parse(object.pre));
  NINES_ASSIGN(const elf::Object original, elf::Object::parse(object.original));
  NINES_ASSIGN(const elf::Object patched, elf::Object::parse(object.patched));
  NINES_ASSIGN(const ObjectDiff diff, diff_objects(original, patched, object.only));
  NINES_ASSIGN(const Matched matched, match_running(pre, code_, {}, FileMemory(program_, bytes_)));
  for (const std::string& name : diff.retired) {
    const elf::ObjectSymbol* symbol = pre.find(name);
    if (symbol == nullptr || !symbol->in_section() || !matched.section(symbol->index)) {
      return Error(ErrorCode::kNotFound, "find function", name)
          .with_detail("its code is not there as it was compiled, or there is more than one of it");
    }
  }
  std::vector<std::string> functions;
  for (const auto& [section, name] : diff.replaced) functions.push_back(name);
  return functions;
}

}  // namespace nines::livepatch
