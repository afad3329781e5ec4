// Uses up the stack of a thread, by two functions that call each other.
#include <pthread.h>

int ping(int depth);
__attribute__((noinline)) int pong(int depth) {
  volatile char room[300];
  room[0] = (char)depth;
  return ping(depth + 1) + room[0];
}
__attribute__((noinline)) int ping(int depth) {
  volatile char room[200];
  room[0] = (char)depth;
  return pong(depth + 1) + room[0];
}
static void *run(void *unused) {
  ping(0);
  return unused;
}
int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, run, 0);
  pthread_join(thread, 0);
  return 0;
}
