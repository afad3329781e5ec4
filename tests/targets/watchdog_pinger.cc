// Feeds its watchdog at half of WATCHDOG_USEC until SIGUSR1, and from then on is alive but silent.
//   --pings N  falls silent by itself after N pings
#include <getopt.h>

#include <csignal>
#include <ctime>

#include "target.h"

namespace {

volatile std::sig_atomic_t silent = 0;

void fall_silent(int) {
  silent = 1;
}

}  // namespace

int main(int argc, char** argv) {
  const option table[] = {{"pings", required_argument, nullptr, 'p'}, {nullptr, 0, nullptr, 0}};
  long pings = -1;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    if (c != 'p') target::usage("watchdog_pinger [--pings N]");
    pings = target::number(optarg);
  }
  const char* interval = std::getenv("WATCHDOG_USEC");
  const char* pid = std::getenv("WATCHDOG_PID");
  if (interval == nullptr || (pid != nullptr && target::number(pid) != ::getpid())) {
    errno = EDESTADDRREQ;
    target::die("WATCHDOG_USEC is not for us");
  }
  const long half_us = target::number(interval) / 2;
  std::signal(SIGUSR1, fall_silent);
  target::notify("READY=1");
  for (; silent == 0 && pings != 0; pings -= pings > 0 ? 1 : 0) {
    target::notify("WATCHDOG=1");
    const timespec pause{half_us / 1'000'000, half_us % 1'000'000 * 1000};
    ::nanosleep(&pause, nullptr);
  }
  target::wait_forever();
}
