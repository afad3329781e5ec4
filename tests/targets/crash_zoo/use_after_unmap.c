// Reads memory that was unmapped.
#include <sys/mman.h>

__attribute__((noinline)) int sum(const int *values) { return values[0] + values[1]; }
int main(void) {
  int *values = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  values[0] = 1;
  munmap(values, 1 << 16);
  return sum(values) + 1;
}
