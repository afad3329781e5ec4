// Calls into memory that is not executable.
static char data[64];
static int (*volatile function)(int) = (int (*)(int))(void *)data;
__attribute__((noinline)) int call(int value) { return function(value) + 1; }
int main(void) { return call(1) + 1; }
