#include "app/supervise/conditions.h"

#include <fmt/format.h>

#include <fnmatch.h>
#include <glob.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>

#include "sys/file.h"

namespace nines::supervise {
namespace {

bool glob_matches(const std::string& pattern) {
  glob_t found{};
  const bool any = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0 && found.gl_pathc > 0;
  ::globfree(&found);
  return any;
}

bool is_mode(const std::string& path, mode_t kind) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IFMT) == kind;
}

bool directory_not_empty(const std::string& path) {
  const auto names = sys::list_directory(path);
  return names && !names->empty();
}

bool file_not_empty(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
}

bool environment_has(const std::string& argument) {
  const auto equals = argument.find('=');
  const char* value = std::getenv(argument.substr(0, equals).c_str());
  return value != nullptr && (equals == std::string::npos || argument.substr(equals + 1) == value);
}

bool user_is(const std::string& argument) {
  if (argument == "@system") return ::geteuid() < 1000;
  return argument == std::to_string(::geteuid()) || (argument == "root" && ::geteuid() == 0);
}

bool host_is(const std::string& argument) {
  utsname name{};
  return ::uname(&name) == 0 && ::fnmatch(argument.c_str(), name.nodename, FNM_CASEFOLD) == 0;
}

bool is_writable(const std::string& path) {
  return ::access(path.c_str(), W_OK) == 0;
}

/// A condition that nobody here can judge (ConditionVirtualization=, ...) counts as met: that is
/// the daemon's promise to run units unmodified, and `nines unit check` warns of it.
bool holds(const unit::Condition& condition) {
  const std::string& kind = condition.kind;
  const std::string& argument = condition.argument;
  if (kind == "PathExists") return sys::exists(argument);
  if (kind == "PathExistsGlob") return glob_matches(argument);
  if (kind == "PathIsDirectory") return is_mode(argument, S_IFDIR);
  if (kind == "PathIsReadWrite") return is_writable(argument);
  if (kind == "PathIsSymbolicLink") {
    struct stat info{};
    return ::lstat(argument.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
  }
  if (kind == "DirectoryNotEmpty") return directory_not_empty(argument);
  if (kind == "FileNotEmpty") return file_not_empty(argument);
  if (kind == "FileIsExecutable") {
    return is_mode(argument, S_IFREG) && ::access(argument.c_str(), X_OK) == 0;
  }
  if (kind == "User") return user_is(argument);
  if (kind == "Host") return host_is(argument);
  if (kind == "Environment") return environment_has(argument);
  return !condition.negate;
}

}  // namespace

Status check_conditions(const unit::Unit& unit, bool& skip) {
  skip = false;
  // systemd.unit(5): all plain ones must hold, and of those marked '|' at least one.
  for (const bool assertion : {false, true}) {
    bool any_trigger = false;
    bool trigger_met = false;
    for (const unit::Condition& condition : unit.unit.conditions) {
      if (condition.assertion != assertion) continue;
      const bool met = holds(condition) != condition.negate;
      if (condition.trigger) {
        any_trigger = true;
        trigger_met = trigger_met || met;
        continue;
      }
      if (met) continue;
      if (!assertion) {
        skip = true;
        return {};
      }
      return Error(ErrorCode::kInvalidArgument, "start", unit.name)
          .with_detail(fmt::format("Assert{}={}{} does not hold", condition.kind,
                                   condition.negate ? "!" : "", condition.argument));
    }
    if (any_trigger && !trigger_met) {
      if (!assertion) {
        skip = true;
        return {};
      }
      return Error(ErrorCode::kInvalidArgument, "start", unit.name)
          .with_detail("none of its Assert...=| conditions holds");
    }
  }
  return {};
}

}  // namespace nines::supervise
