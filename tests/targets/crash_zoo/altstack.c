// Crashes in a signal handler that has a stack of its own.
#include <signal.h>
#include <stdlib.h>

static int *volatile nowhere;

__attribute__((noinline)) void in_handler(int number) { *nowhere = number; }
static void handler(int number) { in_handler(number); }
__attribute__((noinline)) int interrupted(void) { return raise(SIGUSR1); }
int main(void) {
  static char memory[65536];
  stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  sigaltstack(&stack, 0);
  sigaction(SIGUSR1, &action, 0);
  return interrupted() + 1;
}
