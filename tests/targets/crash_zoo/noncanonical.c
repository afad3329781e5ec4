// Reads by a pointer that was overwritten with text.
#include <stdint.h>
__attribute__((noinline)) long look(const long *at) { return at[2]; }
int main(void) { return (int)look((const long *)(uintptr_t)0x4141414141414141) + 1; }
