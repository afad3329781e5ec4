// Says once that it exists, then waits: appends "PID\n" to a file or FIFO. A thousand of these are
// counted by reading one FIFO.
#include <fcntl.h>

#include "target.h"

int main(int argc, char** argv) {
  if (argc != 2) target::usage("announcer FILE");
  const int fd = ::open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) target::die(argv[1]);
  target::write_all(fd, std::to_string(::getpid()) + "\n");
  ::close(fd);
  target::wait_forever();
}
