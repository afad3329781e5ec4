// Counts its starts in a memfd that it gives to the supervisor to keep (FDSTORE=1, name "counter")
// and finds again among what it inherits.
//   FILE  receives the count as "N\n", before READY=1
// SIGUSR1: takes the descriptor out of the store again (FDSTOREREMOVE=1).
#include <fcntl.h>

#include <csignal>

#include "target.h"

namespace {

/// @return the stored counter, or -1 when nothing was handed over.
int stored_counter() {
  for (int i = 0, n = target::inherited_fds(); i < n; ++i) {
    if (target::inherited_name(i) == "counter") return 3 + i;
  }
  return -1;
}

int create_counter() {
  const int fd = ::memfd_create("counter", MFD_CLOEXEC);
  if (fd < 0) target::die("memfd_create");
  const long zero = 0;
  if (::pwrite(fd, &zero, sizeof zero, 0) != sizeof zero) target::die("pwrite");
  if (!target::notify("FDSTORE=1\nFDNAME=counter", fd)) {
    errno = EDESTADDRREQ;
    target::die("NOTIFY_SOCKET");
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) target::usage("fd_storer FILE");
  // Blocked and waited for, so that one that comes early is not lost.
  sigset_t removal;
  ::sigemptyset(&removal);
  ::sigaddset(&removal, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &removal, nullptr);
  int counter = stored_counter();
  if (counter < 0) counter = create_counter();
  long count = 0;
  if (::pread(counter, &count, sizeof count, 0) != sizeof count) target::die("pread");
  ++count;
  if (::pwrite(counter, &count, sizeof count, 0) != sizeof count) target::die("pwrite");

  const int out = ::open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (out < 0) target::die(argv[1]);
  target::write_all(out, std::to_string(count) + "\n");
  target::notify("READY=1\nSTATUS=started " + std::to_string(count) + " times");
  for (;;) {
    if (::sigwaitinfo(&removal, nullptr) == SIGUSR1) {
      target::notify("FDSTOREREMOVE=1\nFDNAME=counter");
    }
  }
}
