// Crashes in the vdso, which is in no file.
#include <time.h>

__attribute__((noinline)) int ask(struct timespec *into) { return clock_gettime(CLOCK_MONOTONIC, into) + 1; }
int main(void) { return ask((struct timespec *)8) + 1; }
