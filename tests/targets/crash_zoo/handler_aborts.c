// A handler for a fault gives up by abort().
#include <signal.h>
#include <stdlib.h>

static int *volatile nowhere;

static void handler(int number) {
  (void)number;
  abort();
}
__attribute__((noinline)) int fault(void) { return *nowhere; }
int main(void) {
  signal(SIGSEGV, handler);
  return fault() + 1;
}
