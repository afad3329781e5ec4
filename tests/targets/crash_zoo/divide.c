// Divides by zero.
static volatile int zero;
__attribute__((noinline)) int divide(int value) { return value / zero; }
int main(int argc, char **argv) {
  (void)argv;
  return divide(argc + 41) + 1;
}
