// Runs into a breakpoint that nobody set.
__attribute__((noinline)) int stop(int value) {
  __asm__ volatile("int3");
  return value;
}
int main(int argc, char **argv) {
  (void)argv;
  return stop(argc) + 1;
}
