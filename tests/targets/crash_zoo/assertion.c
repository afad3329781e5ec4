// An assertion fails.
#undef NDEBUG
#include <assert.h>
__attribute__((noinline)) int check(int value) {
  assert(value == 42);
  return value;
}
int main(int argc, char **argv) {
  (void)argv;
  return check(argc) + 1;
}
