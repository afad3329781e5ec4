// The files of a process and the debug information to them, each opened once.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "elf/image.h"
#include "trace/file_server.h"
#include "trace/mapped_bytes.h"

namespace nines::trace {

/// A file and its bytes, which stay where they are.
struct OpenFile {
  MappedBytes content;
  elf::Image image;
};

class FileSource {
 public:
  /// @param client  null: no files but `extra`.
  /// @param extra   taken by build-id before what is asked for, such as an executable that was
  /// kept.
  FileSource(const FileClient* client, std::vector<UniqueFd> extra);

  /// @return null where there is no such ELF file. Stays valid as long as this.
  const OpenFile* mapped(const std::string& path);
  const OpenFile* by_build_id(const std::string& build_id);
  /// Of those that were given, the one that has this section.
  const OpenFile* given(const std::string& build_id, std::string_view section);
  const OpenFile* by_link(const std::string& program, const elf::DebugLink& link);

 private:
  const OpenFile* ask(FileRequest kind, const std::string& text);

  const FileClient* client_;
  std::vector<std::unique_ptr<OpenFile>> extra_;
  std::map<std::string, std::unique_ptr<OpenFile>> known_;
};

}  // namespace nines::trace
