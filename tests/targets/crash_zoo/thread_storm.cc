// A hundred threads, each in one of ten places, while one of them crashes.
#include <unistd.h>

#include <thread>
#include <vector>

template <int N>
[[gnu::noinline]] void wait_in() {
  for (;;) ::pause();
}
template <int N>
[[gnu::noinline]] void go(int place) {
  if (place == N) {
    wait_in<N>();
  } else if constexpr (N > 0) {
    go<N - 1>(place);
  }
  asm volatile("");
}
static int* volatile nowhere;

int main() {
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i) threads.emplace_back([i] { go<9>(i % 10); });
  ::usleep(200'000);
  *nowhere = 1;
}
