#include "app/crash/log_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sys/file.h"

namespace nines::crash {
namespace {

constexpr std::size_t kMost = std::size_t{64} << 10;
constexpr const char* kName = "/log.txt";

}  // namespace

Status keep_log_tail(const std::string& log, const std::string& directory) {
  NINES_ASSIGN(const UniqueFd file,
               sys::open_file(log, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return Error::from_errno(errno, "look at", log);
  if (!S_ISREG(info.st_mode)) {
    return Error(ErrorCode::kInvalidArgument, "read", log).with_detail("it is no regular file");
  }
  const off_t most = static_cast<off_t>(kMost);
  const off_t from = std::max<off_t>(0, info.st_size - most);
  std::string tail(kMost, '\0');
  const ssize_t n = ::pread(file.get(), tail.data(), tail.size(), from);
  if (n < 0) return Error::from_errno(errno, "read", log);
  tail.resize(static_cast<std::size_t>(n));
  if (from > 0) tail.erase(0, tail.find('\n') + 1);
  if (tail.empty()) return {};
  return sys::replace_file(directory + kName, tail, 0600);
}

std::vector<std::string> kept_log_lines(const std::string& directory, std::size_t count) {
  const auto text = sys::read_file(directory + kName, Bytes{2 * kMost});
  std::vector<std::string> lines;
  if (!text) return lines;
  std::size_t end = text->size();
  if (end > 0 && (*text)[end - 1] == '\n') --end;
  while (end > 0 && lines.size() < count) {
    const std::size_t before = text->rfind('\n', end - 1);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    lines.push_back(text->substr(begin, end - begin));
    end = before == std::string::npos ? 0 : before;
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace nines::crash
