// Writes through a null pointer, four calls deep.
#include <stdlib.h>

static int *volatile nowhere;

__attribute__((noinline)) int innermost(int depth) {
  *nowhere = depth;
  return depth;
}
__attribute__((noinline)) int middle(int depth) { return innermost(depth + 1) + 1; }
__attribute__((noinline)) int outermost(int depth) { return middle(depth + 1) + 1; }
int main(void) { return outermost(0) + 1; }
