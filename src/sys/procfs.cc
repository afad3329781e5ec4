#include "sys/procfs.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "sys/file.h"

namespace nines::sys {
namespace {

std::optional<int> parse_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string pid_path(pid_t pid, std::string_view name) {
  return fmt::format("/proc/{}/{}", pid, name);
}

/// A file of /proc/PID that is not there means that the process is not there.
Error gone_if_missing(Error error) {
  if (error.code() != ErrorCode::kNotFound) return error;
  return Error(ErrorCode::kGone, error.op(), error.subject());
}

template <typename T>
Result<T> gone_if_missing(Result<T> result) {
  if (result) return result;
  return gone_if_missing(std::move(result.error()));
}

Result<std::string> read_link(const std::string& path) {
  // Link texts of /proc are paths, so PATH_MAX bounds them.
  std::array<char, 4096> text;
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  if (size < 0) return Error::from_errno(errno, "read link", path);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

std::vector<std::string> split_at_nul(std::string_view bytes) {
  std::vector<std::string> parts;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\0'), bytes.size());
    parts.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return parts;
}

/// The entries of a directory whose names are numbers, ascending.
Result<std::vector<int>> list_numbers(const std::string& path) {
  NINES_ASSIGN(const auto names, list_directory(path));
  std::vector<int> numbers;
  for (const auto& name : names) {
    if (const auto number = parse_number(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

std::vector<CgroupMembership> parse_cgroups(std::string_view text) {
  std::vector<CgroupMembership> memberships;
  for (const std::string_view line : split(text, '\n')) {
    const auto first = line.find(':');
    const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    memberships.push_back({std::string(line.substr(first + 1, second - first - 1)),
                           std::string(line.substr(second + 1))});
  }
  return memberships;
}

Result<std::vector<CgroupMembership>> Procfs::cgroups(pid_t pid) const {
  NINES_ASSIGN(const std::string text,
               gone_if_missing(read_file(root_.path(pid_path(pid, "cgroup")))));
  return parse_cgroups(text);
}

Result<ProcessStat> Procfs::stat(pid_t pid) const {
  NINES_ASSIGN(const std::string line,
               gone_if_missing(read_file(root_.path(pid_path(pid, "stat")))));
  return parse_process_stat(line).in(pid_path(pid, "stat"));
}

Result<ProcessId> Procfs::identify(pid_t pid) const {
  NINES_ASSIGN(const ProcessStat now, stat(pid));
  return now.id;
}

bool Procfs::is_running(const ProcessId& id) const {
  const auto now = stat(id.pid);
  if (!now) return false;
  if (id.start != StartTime::kUnknown && now->id.start != id.start) return false;
  // The state is that of the first thread: it shows Z too when only that one ended.
  const bool ended = now->state == 'Z' || now->state == 'X' || now->state == 'x';
  return !ended || now->threads > 1;
}

Result<std::vector<std::string>> Procfs::command_line(pid_t pid) const {
  NINES_ASSIGN(const std::string bytes,
               gone_if_missing(read_file(root_.path(pid_path(pid, "cmdline")))));
  auto arguments = split_at_nul(bytes);
  while (!arguments.empty() && arguments.back().empty()) arguments.pop_back();
  return arguments;
}

Result<std::map<std::string, std::string>> Procfs::environment(pid_t pid) const {
  NINES_ASSIGN(const std::string bytes,
               gone_if_missing(read_file(root_.path(pid_path(pid, "environ")))));
  std::map<std::string, std::string> variables;
  for (const auto& entry : split_at_nul(bytes)) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos) continue;
    variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return variables;
}

Result<std::string> Procfs::executable(pid_t pid) const {
  auto target = read_link(root_.path(pid_path(pid, "exe")));
  // A kernel thread has a directory but no program; both cases say ENOENT.
  if (!target && !exists(root_.path(pid_path(pid, "stat")))) return gone_if_missing(target.error());
  return target;
}

Result<std::map<int, std::string>> Procfs::descriptors(pid_t pid) const {
  const std::string directory = root_.path(pid_path(pid, "fd"));
  NINES_ASSIGN(const auto numbers, gone_if_missing(list_numbers(directory)));
  std::map<int, std::string> links;
  for (const int number : numbers) {
    auto text = read_link(directory + "/" + std::to_string(number));
    if (text) links.emplace(number, std::move(*text));  // else closed meanwhile
  }
  return links;
}

Result<std::set<std::uint64_t>> Procfs::socket_inodes(pid_t pid) const {
  constexpr std::string_view kPrefix = "socket:[";
  NINES_ASSIGN(const auto links, descriptors(pid));
  std::set<std::uint64_t> inodes;
  for (const auto& [number, target] : links) {
    if (!target.starts_with(kPrefix)) continue;
    std::uint64_t inode = 0;
    const char* const begin = target.data() + kPrefix.size();
    const char* const end = target.data() + target.size();
    if (std::from_chars(begin, end, inode).ec == std::errc()) inodes.insert(inode);
  }
  return inodes;
}

Result<std::vector<pid_t>> Procfs::threads(pid_t pid) const {
  return gone_if_missing(list_numbers(root_.path(pid_path(pid, "task"))));
}

Result<std::vector<pid_t>> Procfs::all_processes() const {
  return list_numbers(root_.path("/proc"));
}

Result<std::vector<pid_t>> Procfs::children(pid_t pid) const {
  NINES_ASSIGN(const auto tids, threads(pid));
  std::vector<pid_t> found;
  bool listed = false;
  for (const pid_t tid : tids) {
    const auto text = read_file(root_.path(pid_path(pid, fmt::format("task/{}/children", tid))));
    if (!text) continue;  // the thread ended, or a kernel without CONFIG_PROC_CHILDREN
    listed = true;
    std::string_view rest = *text;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(" \n"), rest.size());
      if (const auto child = parse_number(rest.substr(0, end))) found.push_back(*child);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  if (!listed) {
    NINES_ASSIGN(const auto everybody, all_processes());
    for (const pid_t candidate : everybody) {
      const auto other = stat(candidate);
      if (other && other->parent == pid) found.push_back(candidate);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<Bytes> Procfs::private_memory(pid_t pid) const {
  const std::string path = root_.path("/proc/" + std::to_string(pid) + "/statm");
  NINES_ASSIGN(const std::string text, read_file(path));
  std::array<std::uint64_t, 3> pages{};  // size, resident, shared
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::uint64_t& field : pages) {
    while (at < end && *at == ' ') ++at;
    const auto parsed = std::from_chars(at, end, field);
    if (parsed.ec != std::errc()) return Error(ErrorCode::kCorrupt, "read", path);
    at = parsed.ptr;
  }
  // The two are counted one after the other, not at one moment.
  const std::uint64_t only_its_own = pages[1] > pages[2] ? pages[1] - pages[2] : 0;
  return Bytes{only_its_own * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
}

Result<std::string> Procfs::boot_id() const {
  const std::string path = root_.path("/proc/sys/kernel/random/boot_id");
  const auto text = read_file(path);
  if (!text) return text.error();
  constexpr std::size_t kUuidLength = 36;
  const auto id = std::string_view(*text).substr(0, kUuidLength);
  if (*text != std::string(id) + "\n" ||
      id.find_first_not_of("0123456789abcdef-") != std::string_view::npos) {
    return Error(ErrorCode::kCorrupt, "read", path).with_detail("not a UUID");
  }
  return std::string(id);
}

}  // namespace nines::sys
