// Overruns a buffer on the stack.
#include <string.h>
__attribute__((noinline)) void fill(char *into, int size) {
  for (volatile int i = 0; i < size; ++i) into[i] = 'A';
}
__attribute__((noinline)) int smash(int size) {
  char buffer[16];
  fill(buffer, size);
  return buffer[0];
}
int main(void) { return smash(64) + 1; }
