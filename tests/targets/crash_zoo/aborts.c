// Calls abort().
#include <stdlib.h>
__attribute__((noinline)) int give_up(int value) {
  if (value > 0) abort();
  return value;
}
int main(int argc, char **argv) {
  (void)argv;
  return give_up(argc) + 1;
}
