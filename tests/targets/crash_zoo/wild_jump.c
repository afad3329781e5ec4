// Calls an address where nothing is mapped.
static int (*volatile function)(int) = (int (*)(int))0x5555aaaa0000;
__attribute__((noinline)) int call(int value) { return function(value) + 1; }
int main(void) { return call(1) + 1; }
