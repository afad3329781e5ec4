// Eats memory until it is killed. Offers itself as the first victim (oom_score_adj 1000) and stops
// at a cap, exit code 3, so that a missing limit does not cost the machine.
//   --cap-mib N  default 1024        --after MS  waits first, default 0
#include <fcntl.h>
#include <getopt.h>

#include "target.h"

int main(int argc, char** argv) {
  const option table[] = {{"cap-mib", required_argument, nullptr, 'c'},
                          {"after", required_argument, nullptr, 'a'},
                          {nullptr, 0, nullptr, 0}};
  long cap_mib = 1024;
  long after_ms = 0;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case 'c': cap_mib = target::number(optarg); break;
      case 'a': after_ms = target::number(optarg); break;
      default: target::usage("oom_eater [--cap-mib N] [--after MS]");
    }
  }
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) target::die("oom_score_adj");
  target::write_all(fd, "1000");
  ::close(fd);
  target::notify("READY=1");
  ::usleep(static_cast<useconds_t>(after_ms * 1000));
  for (long mib = 0; mib < cap_mib; ++mib) {
    if (target::fill_memory(1) == nullptr) return 4;  // refused instead of killed
  }
  return 3;
}
