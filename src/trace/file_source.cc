#include "trace/file_source.h"

namespace nines::trace {
namespace {

std::unique_ptr<OpenFile> open_file(const UniqueFd& fd) {
  MappedBytes content(fd.get());
  if (content.bytes().empty()) return nullptr;
  auto image = elf::Image::open(content.bytes());
  if (!image) return nullptr;
  return std::make_unique<OpenFile>(OpenFile{std::move(content), std::move(*image)});
}

}  // namespace

FileSource::FileSource(const FileClient* client, std::vector<UniqueFd> extra) : client_(client) {
  for (const UniqueFd& fd : extra) {
    if (auto file = open_file(fd)) extra_.push_back(std::move(file));
  }
}

const OpenFile* FileSource::ask(FileRequest kind, const std::string& text) {
  const std::string key = static_cast<char>(kind) + text;
  const auto [entry, added] = known_.try_emplace(key);
  if (added && client_ != nullptr) entry->second = open_file(client_->ask(kind, text));
  return entry->second.get();
}

const OpenFile* FileSource::mapped(const std::string& path) {
  return ask(FileRequest::kMapped, path);
}

const OpenFile* FileSource::given(const std::string& build_id, std::string_view section) {
  for (const auto& file : extra_) {
    if (file->image.build_id() != build_id || build_id.empty()) continue;
    if (section.empty() || file->image.has_section(section)) return file.get();
  }
  return nullptr;
}

const OpenFile* FileSource::by_build_id(const std::string& build_id) {
  const OpenFile* file = build_id.empty() ? nullptr : ask(FileRequest::kBuildId, build_id);
  return file != nullptr && file->image.build_id() == build_id ? file : nullptr;
}

const OpenFile* FileSource::by_link(const std::string& program, const elf::DebugLink& link) {
  const OpenFile* file = ask(FileRequest::kDebugLink, program + '\0' + link.name);
  if (file == nullptr || elf::debug_link_crc(file->content.bytes()) != link.crc) return nullptr;
  return file;
}

}  // namespace nines::trace
