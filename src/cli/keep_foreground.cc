#include "cli/keep_foreground.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>

namespace nines::cli {
namespace {

/// Where this program lies: its companions are beside it, installed or in a build tree.
Result<std::string> own_directory() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) return Error::from_errno(errno, "readlink", "/proc/self/exe");
  const std::string own(path.data(), static_cast<std::size_t>(size));
  return own.substr(0, own.rfind('/'));
}

/// A fresh directory that only this user can enter.
Result<std::string> make_private_dir() {
  const char* session = ::getenv("XDG_RUNTIME_DIR");
  std::string base = "/tmp";
  if (::geteuid() == 0 && ::access("/run", W_OK) == 0) {
    base = "/run";
  } else if (session != nullptr && ::access(session, W_OK) == 0) {
    base = session;
  }
  std::string pattern = base + "/nines-keep-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return Error::from_errno(errno, "mkdtemp", pattern);
  return pattern;
}

}  // namespace

std::vector<std::string> foreground_command(const ForegroundPlan& plan) {
  std::vector<std::string> words = {plan.ninesd, "--foreground"};
  if (!plan.private_dir.empty()) {
    words.insert(words.end(), {"--private", "--runtime-dir", plan.private_dir, "--state-dir",
                               plan.private_dir + "/state"});
  }
  // The dashes keep ninesd from reading the command's own options.
  const bool is_command = !plan.command.empty();
  if (is_command) words.emplace_back("--command");
  words.emplace_back("--");
  const auto& rest = is_command ? plan.command : plan.units;
  words.insert(words.end(), rest.begin(), rest.end());
  return words;
}

Error exec_foreground(const std::vector<std::string>& units,
                      const std::vector<std::string>& command) {
  auto program_dir = own_directory();
  if (!program_dir) return program_dir.error();
  ForegroundPlan plan{*program_dir + "/ninesd", "", units, command};
  if (::access(plan.ninesd.c_str(), X_OK) != 0) {
    return Error::from_errno(errno, "keep in the foreground", plan.ninesd)
        .with_hint("nines, ninesd and nines-keeper belong in one directory");
  }
  if (::getpid() != 1) {
    auto private_dir = make_private_dir();
    if (!private_dir) return private_dir.error();
    plan.private_dir = std::move(*private_dir);
    fmt::print(stderr, "nines: from another terminal: nines --runtime-dir {} status\n",
               plan.private_dir);
  }
  std::vector<std::string> words = foreground_command(plan);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // Ignored signals stay ignored in what is executed, and in all that it starts.
  ::signal(SIGPIPE, SIG_DFL);
  ::execv(plan.ninesd.c_str(), argv.data());
  const int why = errno;
  if (!plan.private_dir.empty()) ::rmdir(plan.private_dir.c_str());
  return Error::from_errno(why, "exec", plan.ninesd);
}

}  // namespace nines::cli
