// A checked function refuses to overrun a buffer.
#include <string.h>
static char buffer[8];
__attribute__((noinline)) int copy(const char *text) {
  strcpy(buffer, text);
  return buffer[0];
}
int main(int argc, char **argv) {
  (void)argc;
  return copy(argv[0]) + 1;
}
