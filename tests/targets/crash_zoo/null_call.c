// Calls a null pointer.
static int (*volatile function)(int);
__attribute__((noinline)) int call(int value) { return function(value) + 1; }
int main(void) { return call(1) + 1; }
