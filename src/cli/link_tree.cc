#include "cli/link_tree.h"

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is not in <cstdlib>

#include <cerrno>
#include <filesystem>

namespace nines::cli {

Result<LinkTree> LinkTree::make() {
  const char* given = std::getenv("TMPDIR");
  std::string path = (given != nullptr && *given == '/' ? std::string(given) : "/tmp");
  path += "/nines-crash-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return Error::from_errno(errno, "make directory", path);
  return LinkTree(std::move(path));
}

LinkTree::~LinkTree() {
  std::error_code none;
  if (!path_.empty()) std::filesystem::remove_all(path_, none);
}

Status LinkTree::add(const std::string& name, const std::string& target) const {
  const std::filesystem::path relative =
      std::filesystem::path(name).lexically_normal().relative_path();
  if (relative.empty() || *relative.begin() == "..") return {};
  const std::filesystem::path full = std::filesystem::path(path_) / relative;
  std::error_code error;
  std::filesystem::create_directories(full.parent_path(), error);
  if (!error) std::filesystem::create_symlink(target, full, error);
  if (!error) return {};
  return Error::from_errno(error.value(), "link", full.string());
}

}  // namespace nines::cli
