#include "app/supervise/standard_streams.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sys/file.h"
#include "sys/unix_socket.h"

namespace nines::supervise {
namespace {

using unit::OutputKind;
using unit::OutputTarget;

/// Opens without waiting for anybody at the other end, then makes it an ordinary blocking file.
Result<UniqueFd> open_now(const std::string& path, int flags, mode_t mode) {
  Result<UniqueFd> fd = sys::open_file(path, flags | O_NOCTTY | O_NONBLOCK, mode);
  if (!fd && fd.error().errno_value() == ENXIO) {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
      return sys::connect_unix(path, SOCK_STREAM);
    }
    // A FIFO that nobody reads. fifo(7): opened for both it neither fails nor blocks.
    fd = sys::open_file(path, (flags & ~O_ACCMODE) | O_RDWR | O_NOCTTY | O_NONBLOCK, mode);
  }
  if (!fd) return fd;
  const int now = ::fcntl(fd->get(), F_GETFL);
  if (now < 0 || ::fcntl(fd->get(), F_SETFL, now & ~O_NONBLOCK) < 0) {
    return Error::from_errno(errno, "open", path);
  }
  return fd;
}

class Opener {
 public:
  Opener(const unit::ExecSettings& exec, const StreamSources& sources)
      : exec_(exec), sources_(sources) {}

  Status input() {
    if (exec_.standard_input_path.empty()) return {};
    NINES_ASSIGN(UniqueFd fd, open_now(exec_.standard_input_path, O_RDONLY, 0));
    streams.input = keep(std::move(fd));
    return {};
  }

  Result<int> target(const OutputTarget& target, int log, int own) {
    switch (target.kind) {
      case OutputKind::kLog: return log;
      case OutputKind::kNull: return -1;
      case OutputKind::kInherit: return streams.input >= 0 ? streams.input : own;
      case OutputKind::kFile: return file(target.path, 0);
      case OutputKind::kAppend: return file(target.path, O_APPEND);
      case OutputKind::kTruncate: return file(target.path, O_TRUNC);
      case OutputKind::kSocket:
        if (sources_.socket) return *sources_.socket;
        return Error(ErrorCode::kInvalidArgument, "use the socket")
            .with_detail("the command is not given exactly one socket");
    }
    return -1;
  }

  StandardStreams streams;

 private:
  Result<int> file(const std::string& path, int flags) {
    NINES_ASSIGN(UniqueFd fd, open_now(path, O_WRONLY | O_CREAT | flags, 0666 & ~exec_.umask));
    return keep(std::move(fd));
  }

  int keep(UniqueFd fd) {
    streams.owned.push_back(std::move(fd));
    return streams.owned.back().get();
  }

  const unit::ExecSettings& exec_;
  const StreamSources& sources_;
};

bool same(const OutputTarget& a, const OutputTarget& b) {
  return a.kind == b.kind && a.path == b.path;
}

}  // namespace

Result<StandardStreams> open_streams(const unit::ExecSettings& exec, const StreamSources& sources) {
  Opener opener(exec, sources);
  NINES_TRY(opener.input().in("StandardInput="));
  const OutputTarget& output = exec.standard_output;
  NINES_ASSIGN(opener.streams.output,
               opener.target(output, sources.log_output, STDOUT_FILENO).in("StandardOutput="));
  const OutputTarget& error = exec.standard_error_set ? exec.standard_error : output;
  const bool opened_once = !error.path.empty() && same(output, error);
  if (opened_once) {
    // Two open files would each write at an offset of its own, over what the other wrote.
    opener.streams.error = opener.streams.output;
  } else {
    NINES_ASSIGN(opener.streams.error,
                 opener.target(error, sources.log_error, STDERR_FILENO).in("StandardError="));
  }
  return std::move(opener.streams);
}

}  // namespace nines::supervise
