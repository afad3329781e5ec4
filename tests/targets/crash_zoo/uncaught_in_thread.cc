// An exception that is no class leaves a thread.
#include <thread>
[[gnu::noinline]] void worker(int value) {
  if (value > 0) throw value;
}
int main(int argc, char**) {
  std::thread thread(worker, argc);
  thread.join();
}
