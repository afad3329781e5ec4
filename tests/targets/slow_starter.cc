// Takes its time until READY=1.
//   --extend  asks for it in time with EXTEND_TIMEOUT_USEC, half a second ahead each time
#include <getopt.h>

#include "target.h"

int main(int argc, char** argv) {
  constexpr const char* kUsageText = "slow_starter [--extend] MS";
  const option table[] = {{"extend", no_argument, nullptr, 'x'}, {nullptr, 0, nullptr, 0}};
  bool extend = false;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    if (c != 'x') target::usage(kUsageText);
    extend = true;
  }
  if (optind + 1 != argc) target::usage(kUsageText);
  constexpr long kStepMs = 100;
  for (long left = target::number(argv[optind]); left > 0; left -= kStepMs) {
    if (extend) target::notify("EXTEND_TIMEOUT_USEC=500000");
    ::usleep(static_cast<useconds_t>((left < kStepMs ? left : kStepMs) * 1000));
  }
  target::notify("READY=1");
  target::wait_forever();
}
