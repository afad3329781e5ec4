#include "app/supervise/directories.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "app/supervise/identity.h"
#include "app/supervise/safe_tree.h"
#include "app/unit/host_facts.h"
#include "sys/file.h"

namespace nines::supervise {
namespace {

using unit::BaseDirectory;

struct DirectoryKind {
  const char* directive;
  const char* variable;
  BaseDirectory base;
  unit::ManagedDirectories unit::ExecSettings::* directories;
};
/// @source systemd.exec(5), table 2
constexpr std::array<DirectoryKind, 5> kKinds = {{
    {"RuntimeDirectory", "RUNTIME_DIRECTORY", BaseDirectory::kRuntime,
     &unit::ExecSettings::runtime_directory},
    {"StateDirectory", "STATE_DIRECTORY", BaseDirectory::kState,
     &unit::ExecSettings::state_directory},
    {"CacheDirectory", "CACHE_DIRECTORY", BaseDirectory::kCache,
     &unit::ExecSettings::cache_directory},
    {"LogsDirectory", "LOGS_DIRECTORY", BaseDirectory::kLogs, &unit::ExecSettings::logs_directory},
    {"ConfigurationDirectory", "CONFIGURATION_DIRECTORY", BaseDirectory::kConfiguration,
     &unit::ExecSettings::configuration_directory},
}};

/// The components of a relative path. @errors kInvalidArgument: it could lead outside.
Result<std::vector<std::string>> components(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    std::string part = path.substr(start, end - start);
    if (part == "..") {
      return Error(ErrorCode::kInvalidArgument, "use", path).with_detail("'..' is not allowed");
    }
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
    start = end + 1;
  }
  if (parts.empty() || path.starts_with('/')) {
    return Error(ErrorCode::kInvalidArgument, "use", path).with_detail("not a relative path");
  }
  return parts;
}

/// Where the walk begins. The base directories and all above them are the administrator's.
Result<UniqueFd> open_base(const std::string& path) {
  return sys::open_file(path, O_PATH | O_DIRECTORY);
}

Status prepare_one(const std::string& base, const std::string& name, mode_t mode,
                   std::optional<Owner> owner) {
  NINES_ASSIGN(const std::vector<std::string> parts, components(name));
  NINES_TRY(sys::make_directories(base, 0755));
  NINES_ASSIGN(UniqueFd directory, open_base(base));
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    NINES_ASSIGN(directory, make_subdirectory(directory.get(), parts[i], 0755));
  }
  // Closed to everybody until it has its owner: what is in it may be meant for that owner only.
  NINES_ASSIGN(directory, make_subdirectory(directory.get(), parts.back(), 0700));
  if (owner) NINES_TRY(change_owner(directory.get(), *owner));
  if (::fchmod(directory.get(), mode) != 0) {
    return Error::from_errno(errno, "change mode of", name);
  }
  return {};
}

Status remove_one(const std::string& base, const std::string& name) {
  NINES_ASSIGN(const std::vector<std::string> parts, components(name));
  Result<UniqueFd> directory = open_base(base);
  for (std::size_t i = 0; directory && i + 1 < parts.size(); ++i) {
    directory = open_subdirectory(directory->get(), parts[i]);
  }
  if (!directory) {
    if (directory.error().code() == ErrorCode::kNotFound) return {};
    return std::move(directory.error());
  }
  return remove_tree(directory->get(), parts.back());
}

}  // namespace

std::map<std::string, std::string> directory_variables(const unit::ExecSettings& exec,
                                                       bool user_mode) {
  std::map<std::string, std::string> result;
  for (const DirectoryKind& kind : kKinds) {
    std::string paths;
    for (const std::string& name : (exec.*kind.directories).names) {
      if (!paths.empty()) paths += ':';
      paths += unit::base_directory(kind.base, user_mode) + "/" + name;
    }
    if (!paths.empty()) result[kind.variable] = std::move(paths);
  }
  return result;
}

Status prepare_directories(const unit::Unit& unit, bool user_mode, const sys::HostRoot& root) {
  const unit::ExecSettings* const exec = exec_settings(unit);
  if (exec == nullptr) return {};
  NINES_ASSIGN(const Identity identity, resolve_identity(unit, user_mode));
  for (const DirectoryKind& kind : kKinds) {
    const unit::ManagedDirectories& wanted = exec->*kind.directories;
    std::optional<Owner> owner;
    if (kind.base != BaseDirectory::kConfiguration && identity.switches) {
      owner = Owner{identity.uid, identity.gid};
    }
    const std::string base = root.path(unit::base_directory(kind.base, user_mode));
    for (const std::string& name : wanted.names) {
      NINES_TRY(prepare_one(base, name, wanted.mode, owner)
                    .in(fmt::format("{}={}: in {}", kind.directive, name, base)));
    }
  }
  return {};
}

Status remove_runtime_directories(const unit::Unit& unit, bool user_mode, bool will_start_again,
                                  const sys::HostRoot& root) {
  const unit::ExecSettings* const exec = exec_settings(unit);
  if (exec == nullptr || exec->runtime_directory_preserve == unit::Preserve::kYes) return {};
  if (exec->runtime_directory_preserve == unit::Preserve::kRestart && will_start_again) return {};
  const std::string base = root.path(unit::base_directory(BaseDirectory::kRuntime, user_mode));
  Status first;
  for (const std::string& name : exec->runtime_directory.names) {
    Status removed =
        remove_one(base, name).in(fmt::format("RuntimeDirectory={}: in {}", name, base));
    if (!removed && first) first = std::move(removed);
  }
  return first;
}

}  // namespace nines::supervise
