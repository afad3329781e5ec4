// Grows without end: memory, descriptors, threads, each at its own rate.
#include <fcntl.h>
#include <getopt.h>

#include <chrono>
#include <thread>

#include "target.h"

int main(int argc, char** argv) {
  constexpr const char* kUsageText = "leaker [--mib-per-s N] [--fds-per-s N] [--threads-per-s N]";
  enum { kMib = 256, kFds, kThreads };
  const option table[] = {{"mib-per-s", required_argument, nullptr, kMib},
                          {"fds-per-s", required_argument, nullptr, kFds},
                          {"threads-per-s", required_argument, nullptr, kThreads},
                          {nullptr, 0, nullptr, 0}};
  long mib = 0;
  long fds = 0;
  long threads = 0;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case kMib: mib = target::number(optarg); break;
      case kFds: fds = target::number(optarg); break;
      case kThreads: threads = target::number(optarg); break;
      default: target::usage(kUsageText);
    }
  }
  if (optind != argc || mib + fds + threads <= 0) target::usage(kUsageText);
  target::notify("READY=1");
  // Ten steps a second, so that a detector sees a slope and not a staircase. What a limit refuses
  // is not an error: the program goes on, as leaking programs do.
  constexpr long kStepsPerSecond = 10;
  for (long step = 1;; ++step) {
    const auto due = [step](long rate) {
      return rate * step / kStepsPerSecond - rate * (step - 1) / kStepsPerSecond;
    };
    if (const long n = due(mib); n > 0) target::fill_memory(static_cast<std::size_t>(n));
    for (long i = due(fds); i > 0; --i) {
      if (::open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) break;
    }
    for (long i = due(threads); i > 0; --i) std::thread(target::wait_forever).detach();
    std::this_thread::sleep_for(std::chrono::milliseconds(1000 / kStepsPerSecond));
  }
}
