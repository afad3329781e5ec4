// Crashes on a stack of the program's own, as coroutines do.
#include <stdlib.h>
#include <ucontext.h>
static ucontext_t back, there;
static int *volatile nowhere;
__attribute__((noinline)) void fault(void) { *nowhere = 1; }
static void coroutine(void) {
  fault();
  __asm__ volatile("");
}
int main(void) {
  static char stack[65536];
  getcontext(&there);
  there.uc_stack.ss_sp = stack;
  there.uc_stack.ss_size = sizeof stack;
  there.uc_link = &back;
  makecontext(&there, coroutine, 0);
  swapcontext(&back, &there);
  return 0;
}
