// Hangs in all the usual ways at once: one thread waits for a mutex that is never unlocked, one
// sleeps, one waits in accept(2) for nobody. Each does so in a function that is named for it, and
// prints nothing but "ready" once all of them are on their way.
#include <netinet/in.h>

#include <ctime>
#include <mutex>
#include <thread>

#include "target.h"

// Not in a namespace and not inlined: their names are what a stack must show. The empty asm after
// each call keeps it from becoming a jump, which would leave no frame.
extern "C" {

[[gnu::noinline]] void hang_in_mutex(std::mutex* mutex) {
  mutex->lock();
  asm volatile("" ::: "memory");
}

[[gnu::noinline]] void hang_in_sleep() {
  const timespec long_time{1000000, 0};
  ::nanosleep(&long_time, nullptr);
  asm volatile("" ::: "memory");
}

[[gnu::noinline]] void hang_in_accept(int fd) {
  ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
  asm volatile("" ::: "memory");
}
}

int main() {
  static std::mutex mutex;
  mutex.lock();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) target::die("socket");
  if (::listen(fd, 1) != 0) target::die("listen");  // on a port of the kernel's choice
  std::thread(hang_in_mutex, &mutex).detach();
  std::thread(hang_in_sleep).detach();
  std::thread(hang_in_accept, fd).detach();
  target::write_all(1, "ready\n");
  target::wait_forever();
}
