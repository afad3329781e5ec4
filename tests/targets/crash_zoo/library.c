// A library that crashes, or calls back.
static int *volatile nowhere;
__attribute__((noinline)) int crash_in_library(int value) {
  *nowhere = value;
  return value;
}
int library_entry(int value) { return crash_in_library(value + 1) + 1; }
