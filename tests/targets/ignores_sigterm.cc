// Only SIGKILL ends it: ignores SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGABRT.
#include <csignal>

#include "target.h"

int main() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT}) std::signal(number, SIG_IGN);
  target::notify("READY=1");
  target::wait_forever();
}
