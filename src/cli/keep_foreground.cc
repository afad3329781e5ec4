#include "cli/keep_foreground.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

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

/// A fresh directory that only this user can enter; it goes when the supervisor ends.
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
  // A ledger of its own: that of the host's daemon is locked by the host's daemon.
  std::vector<std::string> command = {plan.program_dir + "/ninesd", "--foreground",
                                      "--runtime-dir",              plan.private_dir,
                                      "--state-dir",                plan.private_dir + "/state"};
  if (!plan.command.empty()) command.emplace_back("--command");
  command.emplace_back("--");
  const auto& arguments = plan.command.empty() ? plan.units : plan.command;
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Error exec_foreground(const std::vector<std::string>& units,
                      const std::vector<std::string>& command) {
  auto program_dir = own_directory();
  if (!program_dir) return program_dir.error();
  const std::string daemon = *program_dir + "/ninesd";
  if (::access(daemon.c_str(), X_OK) != 0) {
    return Error::from_errno(errno, "keep in the foreground", daemon)
        .with_hint("nines-keeper and ninesd belong beside nines: install them together");
  }
  auto private_dir = make_private_dir();
  if (!private_dir) return private_dir.error();
  std::vector<std::string> words = foreground_command({*program_dir, *private_dir, units, command});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // Ignored signals stay ignored in what is executed, and in all that it starts.
  ::signal(SIGPIPE, SIG_DFL);
  ::execv(daemon.c_str(), argv.data());
  const int why = errno;
  ::rmdir(private_dir->c_str());
  return Error::from_errno(why, "exec", daemon);
}

}  // namespace nines::cli
