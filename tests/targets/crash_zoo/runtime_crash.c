// The C library crashes over what it was given.
#include <string.h>
__attribute__((noinline)) unsigned long measure(const char *text) { return strlen(text) + 1; }
int main(void) { return (int)measure((const char *)16) + 1; }
