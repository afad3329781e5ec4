#include "matrix/host.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "sys/file.h"

namespace nines::matrix {
namespace {

constexpr Bytes kMostText = 1_MiB;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace

Result<std::string> text_of(const Host& host, std::string_view path) {
  return sys::read_file(host.root.path(path), kMostText);
}

Result<std::string> line_of(const Host& host, std::string_view path) {
  NINES_ASSIGN(const std::string text, text_of(host, path));
  return std::string(trimmed(std::string_view(text).substr(0, text.find('\n'))));
}

Result<std::int64_t> number_of(const Host& host, std::string_view path) {
  NINES_ASSIGN(const std::string text, line_of(host, path));
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Error(ErrorCode::kCorrupt, "read number", std::string(path)).with_detail(shown(text));
  }
  return number;
}

Result<std::string> link_of(const Host& host, std::string_view path) {
  char target[4096];
  const ssize_t n = ::readlink(host.root.path(path).c_str(), target, sizeof target);
  if (n < 0) return Error::from_errno(errno, "read link", std::string(path));
  return std::string(target, static_cast<std::size_t>(n));
}

std::vector<std::string> names_in(const Host& host, std::string_view path) {
  auto names = sys::list_directory(host.root.path(path));
  return names ? std::move(*names) : std::vector<std::string>{};
}

bool has(const Host& host, std::string_view path) {
  // Not access(2), which follows a link out of a fake root.
  struct stat info{};
  return ::lstat(host.root.path(path).c_str(), &info) == 0;
}

std::string program(const Host& host, std::string_view name) {
  for (const char* directory :
       {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}) {
    std::string path = fmt::format("{}/{}", directory, name);
    if (has(host, path)) return path;
  }
  return "";
}

bool sees_all_processes(const Host& host) {
  if (host.viewer.has(CAP_SYS_PTRACE)) return true;
  const std::string mounts = text_of(host, "/proc/self/mountinfo").value_or("");
  return mounts.find("hidepid=invisible") == std::string::npos &&
         mounts.find("hidepid=ptraceable") == std::string::npos &&
         mounts.find("hidepid=2") == std::string::npos;
}

std::optional<bool> runs(const Host& host, std::string_view comm) {
  for (const std::string& name : names_in(host, "/proc")) {
    if (name.empty() || name[0] < '1' || name[0] > '9') continue;
    const auto said = line_of(host, "/proc/" + name + "/comm");
    if (said && *said == comm) return true;
  }
  return sees_all_processes(host) ? std::optional<bool>(false) : std::nullopt;
}

Result<UtcTime> changed(const Host& host, std::string_view path) {
  struct stat info{};
  if (::stat(host.root.path(path).c_str(), &info) != 0) {
    return Error::from_errno(errno, "stat", std::string(path));
  }
  return UtcTime{info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

std::string shown(std::string_view text, std::size_t most) {
  std::string safe;
  for (const char c : trimmed(text)) {
    if (safe.size() >= most) return safe + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      safe += fmt::format("\\x{:02x}", byte);
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string count(std::size_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string listed(const std::vector<std::string>& names, std::size_t most) {
  const std::size_t n = std::min(names.size(), most);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<long>(n), ", "));
  if (names.size() > n) text += fmt::format(" and {} more", names.size() - n);
  return text;
}

Command updates_command(const Host& host) {
  Command command{host.updates_helper};
  if (!host.root.is_real()) command.push_back(host.root.path("/"));
  return command;
}

Result<updates::PendingUpdates> pending_updates(const Host& host) {
  if (!has(host, "/var/lib/dpkg/status")) {
    return Error(ErrorCode::kNotFound, "read package database", "/var/lib/dpkg/status");
  }
  if (host.updates_helper.empty()) {
    return Error(ErrorCode::kInternal, "find nines-updates")
        .with_detail("the helper nines-updates is not beside nines");
  }
  const Answer answer = host.commands->answer(updates_command(host));
  switch (answer.how) {
    case Answer::How::kTooLate:
      return Error(ErrorCode::kTimeout, "nines-updates").with_detail("did not answer in time");
    case Answer::How::kExited:
      if (answer.code == 0) return updates::decode(answer.out);
      break;
    case Answer::How::kKilled:
    case Answer::How::kNotRun: break;
  }
  return Error(ErrorCode::kInternal, "nines-updates")
      .with_detail(answer.err.empty() ? fmt::format("ended with {}", answer.code)
                                      : shown(answer.err));
}

}  // namespace nines::matrix
