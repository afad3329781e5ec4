#include "daemon/transient.h"

#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>

#include "sys/spawn.h"

namespace nines::daemon {
namespace {

/// In double quotes, with what systemd's quoting, its specifiers and its variables treat specially
/// escaped. @source systemd.service(5), "Command lines"
Result<std::string> quote(const std::string& argument) {
  std::string out = "\"";
  for (const char c : argument) {
    if (c == '\0' || c == '\n') {
      return Error(ErrorCode::kInvalidArgument, "keep command", argument)
          .with_detail("an argument holds a line end");
    }
    if (c == '"' || c == '\\') out += '\\';
    if (c == '%') out += '%';
    if (c == '$') out += '$';
    out += c;
  }
  return out + "\"";
}

Result<std::string> resolve(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    std::string absolute = program;
    if (program.front() != '/') {
      std::array<char, 4096> directory{};
      if (::getcwd(directory.data(), directory.size()) == nullptr) {
        return Error(ErrorCode::kNotFound, "find working directory");
      }
      absolute = std::string(directory.data()) + "/" + program;
    }
    // What was mistyped is said now, not tried again for ever.
    if (::access(absolute.c_str(), X_OK) != 0) return Error::from_errno(errno, "execute", program);
    return absolute;
  }
  std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "";
  while (!path.empty()) {
    const auto colon = path.find(':');
    const std::string candidate = path.substr(0, colon) + "/" + program;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    if (colon == std::string::npos) break;
    path.erase(0, colon + 1);
  }
  return sys::find_executable(program);
}

}  // namespace

std::string transient_name(const std::vector<std::string>& command) {
  const std::string& program = command.front();
  std::string name = program.substr(program.rfind('/') + 1);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_' && c != '.') {
      c = '_';
    }
  }
  return name + ".service";
}

Result<TransientUnit> transient_unit(const std::vector<std::string>& command) {
  NINES_ASSIGN(const std::string program, resolve(command.front()));
  if (::access(program.c_str(), X_OK) != 0) return Error::from_errno(errno, "execute", program);
  std::string line;
  for (std::size_t i = 0; i < command.size(); ++i) {
    NINES_ASSIGN(const std::string word, quote(i == 0 ? program : command[i]));
    line += (i == 0 ? "" : " ") + word;
  }
  std::array<char, 4096> directory{};
  const bool has_directory = ::getcwd(directory.data(), directory.size()) != nullptr;
  std::string environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (name.empty() || name.starts_with("NINES_") || name == "NOTIFY_SOCKET") continue;
    // systemd's own rule for variable names; a shell function exported by bash is none.
    bool valid = std::isdigit(static_cast<unsigned char>(name.front())) == 0;
    for (const char c : name) {
      valid = valid && (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_');
    }
    if (valid) environment += "PassEnvironment=" + name + "\n";
  }
  TransientUnit unit;
  unit.name = transient_name(command);
  unit.text = "# Made by `nines keep -- COMMAND`.\n[Unit]\nDescription=" + command.front() +
              "\n[Service]\nType=exec\nRestart=on-failure\nExecStart=" + line +
              // What it prints belongs to whoever started us: a terminal, or a container's log.
              "\nStandardOutput=inherit\nStandardError=inherit\n" + environment;
  if (has_directory) {
    NINES_ASSIGN(const std::string where, quote(directory.data()));
    unit.text += "WorkingDirectory=" + where.substr(1, where.size() - 2) + "\n";
  }
  return unit;
}

}  // namespace nines::daemon
