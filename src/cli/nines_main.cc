#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "base/fault_point.h"
#include "cli/command_line.h"
#include "cli/output.h"

namespace {

using nines::cli::ExitCode;
using nines::cli::Terminal;

/// Where a standard descriptor is closed, the next one that is opened would take its number, and
/// what we print would go to the daemon's socket. In its place comes one that refuses as it did.
void fill_closed_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

/// @return how the program ends when not all could be written.
ExitCode report_unwritten(int error, ExitCode code) {
  // Who reads no further (nines events -f | head) wants no more, and no remark.
  if (error == EPIPE) return code;
  std::cerr << "nines: " << nines::Error::from_errno(error, "write", "standard output").message()
            << "\n  hint: what was written is not whole; "
            << (error == ENOSPC  ? "make room on that disk, or write to another, then try again"
                : error == EBADF ? "standard output is closed: give it a file, or >/dev/null"
                                 : "write to another place, then try again")
            << '\n';
  return code == ExitCode::kOk ? ExitCode::kFailed : code;
}

}  // namespace

int main(int argc, char** argv) {
  fill_closed_descriptors();
  // A closed pipe is an error of the write, seen by the verb.
  std::signal(SIGPIPE, SIG_IGN);
  if (const auto armed = nines::fault::arm_from_environment(); !armed) {
    std::cerr << "nines: " << armed.error().message() << "\n  hint: " << armed.error().hint()
              << '\n';
    return static_cast<int>(ExitCode::kUsage);
  }
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  nines::cli::OutputBuffer buffer(STDOUT_FILENO);
  std::ostream out(&buffer);
  ExitCode code = nines::cli::run(arguments, out, std::cerr, Terminal::of(STDOUT_FILENO),
                                  Terminal::of(STDERR_FILENO));
  out.flush();
  if (buffer.failure() != 0) code = report_unwritten(buffer.failure(), code);
  return static_cast<int>(code);
}
