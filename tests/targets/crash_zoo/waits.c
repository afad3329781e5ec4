// Waits to be killed.
#include <unistd.h>
__attribute__((noinline)) int wait_here(void) { return pause() + 1; }
int main(void) { return wait_here() + 1; }
