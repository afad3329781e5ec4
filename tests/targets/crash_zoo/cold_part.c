// Crashes in the part of a function that the compiler moved elsewhere.
#include <stdio.h>
static int *volatile nowhere;
__attribute__((cold, noinline)) void complain(int value) { printf("%d", value); }
__attribute__((noinline)) int work(int value) {
  if (__builtin_expect(value > 0, 0)) {
    complain(value);
    *nowhere = value;
    complain(value + 1);
  }
  return value + 1;
}
int main(int argc, char **argv) {
  (void)argv;
  return work(argc) + 1;
}
