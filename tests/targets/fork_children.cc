// Leaves grandchildren behind: N children that each start one in a session of its own, and exit.
//   --pids FILE  appends each grandchild's pid as a line, before READY=1
//   --exit CODE  the main process ends when all are there, and leaves them running
//   --stubborn   they ignore SIGTERM and SIGHUP
#include <fcntl.h>
#include <getopt.h>
#include <sys/wait.h>

#include <csignal>

#include "target.h"

namespace {

struct Options {
  long children = 3;
  int pids_fd = -1;
  long exit_code = -1;
  bool stubborn = false;
};

Options parse(int argc, char** argv) {
  constexpr const char* kUsageText = "fork_children [--pids FILE] [--exit CODE] [--stubborn] [N]";
  const option table[] = {{"pids", required_argument, nullptr, 'p'},
                          {"exit", required_argument, nullptr, 'e'},
                          {"stubborn", no_argument, nullptr, 's'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case 'p':
        options.pids_fd = ::open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (options.pids_fd < 0) target::die(optarg);
        break;
      case 'e': options.exit_code = target::number(optarg); break;
      case 's': options.stubborn = true; break;
      default: target::usage(kUsageText);
    }
  }
  if (optind < argc) options.children = target::number(argv[optind++]);
  if (optind != argc) target::usage(kUsageText);
  return options;
}

[[noreturn]] void child(const Options& options) {
  const pid_t grandchild = ::fork();
  if (grandchild < 0) target::die("fork");
  if (grandchild == 0) {
    ::setsid();
    if (options.stubborn) {
      std::signal(SIGTERM, SIG_IGN);
      std::signal(SIGHUP, SIG_IGN);
    }
    target::wait_forever();
  }
  if (options.pids_fd >= 0) target::write_all(options.pids_fd, std::to_string(grandchild) + "\n");
  std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  for (long i = 0; i < options.children; ++i) {
    const pid_t pid = ::fork();
    if (pid < 0) target::die("fork");
    if (pid == 0) child(options);
    ::waitpid(pid, nullptr, 0);
  }
  target::notify("READY=1");
  if (options.exit_code >= 0) return static_cast<int>(options.exit_code);
  target::wait_forever();
}
