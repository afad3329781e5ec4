// The child of one of several threads crashes.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

static int* volatile nowhere;

[[gnu::noinline]] int child() {
  *nowhere = 1;
  return 1;
}
[[gnu::noinline]] void forker() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(child());
  ::waitpid(pid, nullptr, 0);
}
int main() {
  std::thread other([] { ::usleep(300'000); });
  std::thread(forker).join();
  other.join();
}
