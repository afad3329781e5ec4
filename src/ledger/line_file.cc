#include "ledger/line_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace nines::ledger {

void LineFile::Free::operator()(char* text) const {
  std::free(text);
}

Result<LineFile> LineFile::beside(const std::string& path) {
  LineFile lines;
  lines.path_ = path + ".lines-XXXXXX";
  const int fd = ::mkostemp(lines.path_.data(), O_CLOEXEC);
  if (fd < 0) return Error::from_errno(errno, "create", lines.path_);
  // Not O_TMPFILE, which some file systems lack.
  (void)::unlink(lines.path_.c_str());
  lines.file_.reset(::fdopen(fd, "w+"));
  if (lines.file_ == nullptr) {
    const int why = errno;
    ::close(fd);
    return Error::from_errno(why, "open", lines.path_);
  }
  return lines;
}

Status LineFile::add(const std::string& line) {
  const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() &&
                       std::fputc('\n', file_.get()) != EOF;
  if (!written) return Error::from_errno(errno, "write", path_);
  return {};
}

Status LineFile::rewind() {
  if (std::fflush(file_.get()) != 0 || std::fseek(file_.get(), 0, SEEK_SET) != 0) {
    return Error::from_errno(errno, "write", path_);
  }
  return {};
}

Result<bool> LineFile::next(std::string* line) {
  char* text = buffer_.release();
  const ssize_t size = ::getline(&text, &capacity_, file_.get());
  buffer_.reset(text);
  if (size < 0) {
    if (std::ferror(file_.get()) != 0) return Error::from_errno(errno, "read", path_);
    return false;
  }
  line->assign(text, static_cast<std::size_t>(size - 1));
  return true;
}

}  // namespace nines::ledger
