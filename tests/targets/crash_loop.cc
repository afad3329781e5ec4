// Dies as soon as it starts, each time.
//   --signal N   by a signal instead of an exit code
//   --count FILE appends "x" first: the size of FILE is the number of starts
#include <fcntl.h>
#include <getopt.h>

#include <csignal>

#include "target.h"

int main(int argc, char** argv) {
  constexpr const char* kUsageText = "crash_loop [--signal N] [--count FILE] [CODE]";
  const option table[] = {{"signal", required_argument, nullptr, 's'},
                          {"count", required_argument, nullptr, 'c'},
                          {nullptr, 0, nullptr, 0}};
  long signal_number = 0;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case 's': signal_number = target::number(optarg); break;
      case 'c': {
        const int fd = ::open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd < 0) target::die(optarg);
        target::write_all(fd, "x");
        ::close(fd);
        break;
      }
      default: target::usage(kUsageText);
    }
  }
  if (signal_number > 0) std::raise(static_cast<int>(signal_number));
  return optind < argc ? static_cast<int>(target::number(argv[optind])) : 1;
}
