// Frames of a size that is known at run time only, and one that is aligned anew.
#include <alloca.h>
static int *volatile nowhere;
__attribute__((noinline)) int fault(volatile char *room) {
  *nowhere = room[0];
  return 1;
}
__attribute__((noinline)) int aligned(int size) {
  _Alignas(64) volatile char room[64];
  volatile char *more = alloca(size);
  more[0] = room[0] = 1;
  return fault(more) + room[0];
}
__attribute__((noinline)) int sized(int size) {
  volatile char room[size];
  room[size - 1] = 1;
  return aligned(size + 3) + room[size - 1];
}
int main(int argc, char **argv) {
  (void)argv;
  return sized(argc * 77) + 1;
}
