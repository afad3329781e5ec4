#include "app/crash/core_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "app/crash/core_stream.h"
#include "sys/file.h"

namespace nines::crash {
namespace {

// Of files that are named alike; the newest. Each costs a read of a few KiB.
constexpr std::size_t kMostLookedAt = 64;
constexpr std::chrono::seconds kReadWithin{10};

std::string_view without_newline(std::string_view pattern) {
  return pattern.substr(0, pattern.find('\n'));
}

struct Found {
  std::string name;
  timespec changed;
};

}  // namespace

bool is_file_pattern(std::string_view pattern) {
  pattern = without_newline(pattern);
  return !pattern.empty() && pattern[0] != '|' && pattern[0] != '@';
}

std::string core_directory(std::string_view pattern, std::string_view root,
                           std::string_view directory) {
  pattern = without_newline(pattern);
  const std::size_t slash = pattern.rfind('/');
  const std::string_view named =
      slash == pattern.npos ? std::string_view() : pattern.substr(0, slash + 1);
  if (named.find('%') != named.npos) return {};
  std::string path(root == "/" ? std::string_view() : root);
  if (!named.starts_with('/')) {
    if (!directory.starts_with('/')) return {};
    path += fmt::format("{}/", directory == "/" ? std::string_view() : directory);
  }
  path += named;
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

bool is_named_by(std::string_view pattern, std::string_view name) {
  pattern = without_newline(pattern);
  pattern = pattern.substr(pattern.rfind('/') + 1);
  std::string glob;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '%') {
      ++i;
      if (i < pattern.size()) glob += pattern[i] == '%' ? "%" : "*";
    } else {
      if (std::string_view("*?[\\").find(c) != std::string_view::npos) glob += '\\';
      glob += c;
    }
  }
  const std::string text(name);
  // core_uses_pid adds that.
  return ::fnmatch(glob.c_str(), text.c_str(), 0) == 0 ||
         ::fnmatch((glob + ".[0-9]*").c_str(), text.c_str(), 0) == 0;
}

Result<UniqueFd> open_core_file(const std::string& path, pid_t pid) {
  NINES_ASSIGN(UniqueFd file, sys::open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return Error(ErrorCode::kInvalidArgument, "open", path).with_detail("it is no regular file");
  }
  const auto start = read_core_start(file.get(), boot_now() + kReadWithin);
  if (!start) {
    return Error(ErrorCode::kGone, "open", path)
        .with_detail(fmt::format("it is no core of process {}: {}", pid, start.error().message()));
  }
  if (start->head.pid != pid) {
    return Error(ErrorCode::kGone, "open", path)
        .with_detail(
            fmt::format("it is the core of process {} by now, not of {}", start->head.pid, pid));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return Error::from_errno(errno, "seek in", path);
  return file;
}

Result<CoreFile> find_core_file(const std::string& directory, std::string_view pattern, pid_t pid) {
  NINES_ASSIGN(const auto names, sys::list_directory(directory));
  const std::string in = directory == "/" ? "/" : directory + "/";
  std::vector<Found> found;
  for (const std::string& name : names) {
    struct stat info{};
    if (!is_named_by(pattern, name) || ::lstat((in + name).c_str(), &info) != 0) continue;
    if (S_ISREG(info.st_mode)) found.push_back({name, info.st_mtim});
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::pair(a.changed.tv_sec, a.changed.tv_nsec) >
           std::pair(b.changed.tv_sec, b.changed.tv_nsec);
  });
  if (found.size() > kMostLookedAt) found.resize(kMostLookedAt);
  for (const Found& one : found) {
    if (auto file = open_core_file(in + one.name, pid)) {
      return CoreFile{in + one.name, std::move(*file)};
    }
  }
  return Error(ErrorCode::kNotFound, "find the core of process", std::to_string(pid))
      .with_detail(fmt::format("none of {} files in {} that core_pattern ({}) may have named is it",
                               found.size(), directory, without_newline(pattern)));
}

}  // namespace nines::crash
