#include "app/supervise/exec_environment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "app/supervise/directories.h"
#include "app/unit/environment_file.h"
#include "app/unit/host_facts.h"
#include "sys/file.h"

namespace nines::supervise {
namespace {

using Variables = std::map<std::string, std::string>;

constexpr std::string_view kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Meant for us by whoever started us; to a unit they would be lies.
constexpr std::array<std::string_view, 21> kOwn = {"LISTEN_FDS",
                                                   "LISTEN_PID",
                                                   "LISTEN_FDNAMES",
                                                   "LISTEN_PIDFDID",
                                                   "NOTIFY_SOCKET",
                                                   "WATCHDOG_USEC",
                                                   "WATCHDOG_PID",
                                                   "INVOCATION_ID",
                                                   "JOURNAL_STREAM",
                                                   "MAINPID",
                                                   "MANAGERPID",
                                                   "SYSTEMD_EXEC_PID",
                                                   "RUNTIME_DIRECTORY",
                                                   "STATE_DIRECTORY",
                                                   "CACHE_DIRECTORY",
                                                   "LOGS_DIRECTORY",
                                                   "SERVICE_RESULT",
                                                   "CONFIGURATION_DIRECTORY",
                                                   "CREDENTIALS_DIRECTORY",
                                                   "NINES_FAULT",
                                                   "NINES_FAULT_TOKEN"};

Variables own_environment() {
  Variables result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    const std::string_view name = text.substr(0, equals);
    if (std::find(kOwn.begin(), kOwn.end(), name) != kOwn.end()) continue;
    result[std::string(name)] = text.substr(equals + 1);
  }
  return result;
}

/// The host's locale, as PID 1 would have it. @source locale.conf(5); Debian's default/locale
Variables host_locale() {
  for (const char* path : {"/etc/locale.conf", "/etc/default/locale"}) {
    const Result<std::string> text = sys::read_file(path, 1_MiB);
    if (!text) continue;
    Variables result;
    for (auto& [name, value] : unit::load_environment_file(*text).variables) {
      if (name == "LANG" || name == "LANGUAGE" || name.starts_with("LC_")) result[name] = value;
    }
    if (!result.empty()) return result;
  }
  return {{"LANG", "C.UTF-8"}};
}

Variables defaults(bool user_mode) {
  if (!user_mode) {
    Variables result = host_locale();
    result["PATH"] = kPath;
    return result;
  }
  Variables result = own_environment();
  result.try_emplace("PATH", kPath);
  result.try_emplace("XDG_RUNTIME_DIR",
                     unit::base_directory(unit::BaseDirectory::kRuntime, user_mode));
  return result;
}

/// @param  fill_in  what the variables say already counts more than the user database: it is the
///         same user's own session.
void tell_identity(const Identity& identity, bool fill_in, Variables& into) {
  if (identity.user.empty()) return;
  const auto set = [&](const char* name, const std::string& value) {
    if (value.empty() || (fill_in && into.contains(name))) return;
    into[name] = value;
  };
  set("USER", identity.user);
  set("LOGNAME", identity.user);
  set("HOME", identity.home);
  set("SHELL", identity.shell);
}

void tell(const ManagerVariables& manager, Environment& into) {
  Variables& variables = into.variables;
  into.pid_variables.emplace_back("SYSTEMD_EXEC_PID");
  if (!manager.invocation_id.empty()) variables["INVOCATION_ID"] = manager.invocation_id;
  if (!manager.notify_socket.empty()) variables["NOTIFY_SOCKET"] = manager.notify_socket;
  if (manager.set_listen_fds) {
    variables["LISTEN_FDS"] = std::to_string(manager.listen_fd_names.size());
    variables["LISTEN_FDNAMES"] = fmt::format("{}", fmt::join(manager.listen_fd_names, ":"));
    into.pid_variables.emplace_back("LISTEN_PID");
  }
  if (manager.watchdog) {
    variables["WATCHDOG_USEC"] = std::to_string(
        std::chrono::duration_cast<std::chrono::microseconds>(*manager.watchdog).count());
    into.pid_variables.emplace_back("WATCHDOG_PID");
  }
  for (const auto& [name, value] : manager.extra) variables[name] = value;
}

/// The path may be a glob pattern; its matches are read in order.
Status add_file(const unit::EnvironmentFile& file, Variables& into) {
  glob_t matches{};
  const std::unique_ptr<glob_t, void (*)(glob_t*)> freed(&matches, &::globfree);
  // GLOB_NOCHECK: no match gives the path itself, and reading it the error that says so.
  if (::glob(file.path.c_str(), GLOB_NOCHECK, nullptr, &matches) != 0) {
    if (file.optional) return {};
    return Error(ErrorCode::kLimit, "match", file.path).in("EnvironmentFile=");
  }
  for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
    Result<std::string> text = sys::read_file(matches.gl_pathv[i]);
    if (!text && file.optional) continue;
    if (!text) return std::move(text.error()).in("EnvironmentFile=");
    for (auto& [name, value] : unit::load_environment_file(*text).variables) into[name] = value;
  }
  return {};
}

/// "NAME" takes it away whatever its value is, "NAME=value" only with that value.
void unset(const std::string& what, Environment& from) {
  const std::size_t equals = what.find('=');
  const std::string name = what.substr(0, equals);
  const auto found = from.variables.find(name);
  if (found != from.variables.end() &&
      (equals == std::string::npos || found->second == what.substr(equals + 1))) {
    from.variables.erase(found);
  }
  if (equals == std::string::npos) std::erase(from.pid_variables, name);
}

}  // namespace

std::vector<std::string> Environment::block() const {
  std::vector<std::string> result;
  result.reserve(variables.size());
  for (const auto& [name, value] : variables) result.push_back(name + "=" + value);
  return result;
}

Result<Environment> build_environment(const unit::ExecSettings& exec, const Identity& identity,
                                      const ManagerVariables& manager, bool user_mode) {
  Environment result;
  Variables& variables = result.variables;
  variables = defaults(user_mode);
  tell_identity(identity, user_mode, variables);
  for (auto& [name, value] : directory_variables(exec, user_mode)) variables[name] = value;
  tell(manager, result);
  for (const std::string& name : exec.pass_environment) {
    if (const char* value = ::getenv(name.c_str())) variables[name] = value;
  }
  for (const auto& [name, value] : exec.environment) variables[name] = value;
  for (const unit::EnvironmentFile& file : exec.environment_files) {
    NINES_TRY(add_file(file, variables));
  }
  // What the unit sets itself stays as it set it.
  std::erase_if(result.pid_variables,
                [&](const std::string& name) { return variables.contains(name); });
  for (const std::string& what : exec.unset_environment) unset(what, result);
  return result;
}

}  // namespace nines::supervise
