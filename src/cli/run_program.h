// Another program in our place: with the terminal, and to its end.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sys/pidfd.h"

namespace nines::cli {

struct ProgramRun {
  std::string path;  ///< absolute
  std::vector<std::string> arguments;
  int stdin_fd = 0, stdout_fd = 1, stderr_fd = 2;
  std::vector<int> pass_fds;  ///< become 3, 4 ... in it
};

/// Runs it with our environment and directory, and waits. Ctrl-C is its own meanwhile.
/// @errors those of sys::spawn().
Result<sys::ExitStatus> run_program(const ProgramRun& run);

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
