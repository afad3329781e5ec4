// Runs into what must not be reached.
__attribute__((noinline)) int check(int value) {
  if (value > 0) __builtin_trap();
  return value;
}
int main(int argc, char **argv) {
  (void)argv;
  return check(argc) + 1;
}
