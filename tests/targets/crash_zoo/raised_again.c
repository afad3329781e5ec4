// A handler cleans up after a fault, and raises the signal again.
#include <signal.h>

static int *volatile nowhere;

static void handler(int number) {
  signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  raise(number);
}
__attribute__((noinline)) int fault(void) {
  *nowhere = 1;
  return 1;
}
int main(void) {
  signal(SIGSEGV, handler);
  return fault() + 1;
}
