// Frees twice.
#include <stdlib.h>
__attribute__((noinline)) void release(void *memory) {
  free(memory);
  __asm__ volatile("");
}
int main(void) {
  void *volatile memory = malloc(100);
  release(memory);
  release(memory);
  return 0;
}
