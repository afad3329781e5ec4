// Crashes 20 calls deep, with THREADS others waiting in a function known by name and MIB MiB of
// memory.
#include <pthread.h>

#include "target.h"

// Not const: the compiler would see what is done with it.
// NOLINTNEXTLINE(performance-no-int-to-ptr): nothing is there
static int* volatile nowhere = reinterpret_cast<int*>(0x10);

extern "C" {

[[gnu::noinline]] void* wait_in_thread(void* unused) {
  target::wait_forever();
  asm volatile("" ::: "memory");
  return unused;
}

[[gnu::noinline]] int crash_at_depth(int depth) {
  volatile char room[200];
  room[0] = static_cast<char>(depth);
  if (depth == 0) {
    *nowhere = 7;
    return 0;
  }
  return crash_at_depth(depth - 1) + room[0];
}
}

int main(int argc, char** argv) {
  if (argc != 3) target::usage("crash_threads THREADS MIB");
  target::fill_memory(target::number(argv[2]));
  for (long i = target::number(argv[1]); i > 0; --i) {
    pthread_t thread;
    if (::pthread_create(&thread, nullptr, wait_in_thread, nullptr) != 0) target::die("thread");
  }
  ::usleep(100'000);  // until all of them wait
  return crash_at_depth(20);
}
