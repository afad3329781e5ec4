// Uses up the main thread's stack.
__attribute__((noinline)) int deeper(int depth) {
  volatile char room[500];
  room[depth % 500] = 1;
  return deeper(depth + 1) + room[depth % 500];
}
int main(void) { return deeper(0); }
