// The return address of the last call is already the next function's.
#include <stdlib.h>

__attribute__((noinline, noreturn)) void give_up(int value) {
  if (value > 0) abort();
  abort();
}
__attribute__((noinline)) int ends_with_a_call(int value) { give_up(value); }
__attribute__((noinline)) int next_function(int value) { return value + 1; }
int main(int argc, char **argv) {
  (void)argv;
  return argc > 5 ? next_function(argc) : ends_with_a_call(argc);
}
