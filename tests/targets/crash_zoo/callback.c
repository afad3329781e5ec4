// Crashes in a function that the C library calls.
#include <stdlib.h>
static int *volatile nowhere;
static int compare(const void *a, const void *b) {
  *nowhere = 1;
  return *(const int *)a - *(const int *)b;
}
__attribute__((noinline)) void sort(int *values, int count) {
  qsort(values, count, sizeof *values, compare);
  __asm__ volatile("");
}
int main(void) {
  int values[] = {3, 1, 2};
  sort(values, 3);
  return values[0];
}
