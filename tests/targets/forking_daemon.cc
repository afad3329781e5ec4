// A classic daemon: forks twice, writes its pid file, and only then lets the starter exit 0.
//   --no-pid-file   the supervisor has to guess the main process
//   --exit-after MS ends by itself with exit code 3
#include <fcntl.h>
#include <getopt.h>
#include <sys/wait.h>

#include "target.h"

namespace {

struct Options {
  const char* pid_file = nullptr;
  long exit_after_ms = -1;
};

Options parse(int argc, char** argv) {
  constexpr const char* kUsageText = "forking_daemon PIDFILE|--no-pid-file [--exit-after MS]";
  const option table[] = {{"no-pid-file", no_argument, nullptr, 'n'},
                          {"exit-after", required_argument, nullptr, 'e'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  bool none = false;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case 'n': none = true; break;
      case 'e': options.exit_after_ms = target::number(optarg); break;
      default: target::usage(kUsageText);
    }
  }
  if (optind + (none ? 0 : 1) != argc) target::usage(kUsageText);
  if (!none) options.pid_file = argv[optind];
  return options;
}

void write_pid_file(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) target::die(path);
  target::write_all(fd, std::to_string(::getpid()) + "\n");
  ::close(fd);
}

/// The starter waits until the daemon closes `ready` after one byte. @return its exit code.
int await_daemon(int ready, pid_t middle) {
  char byte = 0;
  const ssize_t n = ::read(ready, &byte, 1);
  ::waitpid(middle, nullptr, 0);
  return n == 1 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) target::die("pipe2");
  const pid_t middle = ::fork();
  if (middle < 0) target::die("fork");
  if (middle > 0) {
    ::close(ready[1]);
    return await_daemon(ready[0], middle);
  }
  ::setsid();
  const pid_t daemon = ::fork();
  if (daemon < 0) target::die("fork");
  if (daemon > 0) std::_Exit(0);
  if (options.pid_file != nullptr) write_pid_file(options.pid_file);
  target::write_all(ready[1], "x");
  ::close(ready[0]);
  ::close(ready[1]);
  if (options.exit_after_ms < 0) target::wait_forever();
  ::usleep(static_cast<useconds_t>(options.exit_after_ms * 1000));
  if (options.pid_file != nullptr) ::unlink(options.pid_file);
  return 3;
}
