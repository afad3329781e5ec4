#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "app/supervise/log_file.h"
#include "sys/file.h"

namespace nines::supervise {
namespace {

constexpr std::size_t kBlockBytes = 64 * 1024;

// Collects lines from behind.
struct Collector {
  std::size_t wanted;
  std::uint64_t budget;
  std::deque<std::string> lines;
  std::string line_end;  ///< bytes of a line whose begin has not been read yet

  bool full() const { return lines.size() >= wanted; }
  bool enough() const { return full() || budget == 0; }

  // `block` stands right before what was taken so far.
  void take_block(std::string_view block) {
    while (!full()) {
      const auto newline = block.rfind('\n');
      if (newline == std::string_view::npos) break;
      line_end.insert(0, block.substr(newline + 1));
      block.remove_suffix(block.size() - newline);
      // What follows the last line end is no line unless there is something.
      if (!line_end.empty() || !at_end_of_file) lines.push_front(std::exchange(line_end, {}));
      at_end_of_file = false;
    }
    if (!full()) line_end.insert(0, block);
  }

  void begin_file() { at_end_of_file = true; }
  void end_file() {
    if (!full() && !(line_end.empty() && at_end_of_file)) {
      lines.push_front(std::exchange(line_end, {}));
    }
    line_end.clear();
  }
  bool at_end_of_file = true;
};

Status read_backwards(int fd, const std::string& path, Collector& collector) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return Error::from_errno(errno, "examine", path);
  std::string block;
  off_t end = info.st_size;
  collector.begin_file();
  while (end > 0 && !collector.enough()) {
    const auto size = static_cast<std::size_t>(
        std::min<std::uint64_t>({static_cast<std::uint64_t>(end), kBlockBytes, collector.budget}));
    block.resize(size);
    const off_t begin = end - static_cast<off_t>(size);
    const ssize_t n = ::pread(fd, block.data(), size, begin);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::from_errno(errno, "read", path);
    if (static_cast<std::size_t>(n) != size) break;  // truncated meanwhile: the rest is gone
    collector.budget -= size;
    collector.take_block(block);
    end = begin;
  }
  if (end == 0) collector.end_file();
  return {};
}

bool same_file(int a, int b) {
  struct stat first{};
  struct stat second{};
  return a >= 0 && ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 &&
         first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

}  // namespace

Result<std::vector<std::string>> tail_log(const std::string& path, std::size_t count,
                                          Bytes max_bytes) {
  Collector collector{count, max_bytes.count, {}, {}};
  UniqueFd previous;
  for (unsigned n = 0; !collector.enough(); ++n) {
    const std::string name = n == 0 ? path : fmt::format("{}.{}", path, n);
    auto file = sys::open_file(name, O_RDONLY);
    if (!file) {
      if (n == 0 && !sys::exists(path + ".1")) return file.error();
      // Between two files of a rotation the newest is missing for a moment.
      if (n > 0 || file.error().code() != ErrorCode::kNotFound) break;
      continue;
    }
    // Rotated while we read: this is what we had just now under its former name.
    if (same_file(previous.get(), file->get())) continue;
    NINES_TRY(read_backwards(file->get(), name, collector));
    previous = std::move(*file);
  }
  return std::vector<std::string>(std::make_move_iterator(collector.lines.begin()),
                                  std::make_move_iterator(collector.lines.end()));
}

}  // namespace nines::supervise
