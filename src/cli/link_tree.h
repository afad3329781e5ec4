// A directory of links, for programs that want files at certain names.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace nines::cli {

/// A directory below TMPDIR or /tmp with links in it, removed with them at the end.
class LinkTree {
 public:
  /// @errors those of mkdtemp(3).
  static Result<LinkTree> make();
  LinkTree(LinkTree&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  LinkTree& operator=(LinkTree&&) = delete;
  LinkTree(const LinkTree&) = delete;
  LinkTree& operator=(const LinkTree&) = delete;
  ~LinkTree();

  const std::string& path() const { return path_; }
  /// A link at `name`, with the directories above it. Names that lead out are left out.
  Status add(const std::string& name, const std::string& target) const;

 private:
  explicit LinkTree(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace nines::cli
