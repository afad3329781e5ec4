// Crashes in a function that is inlined into one that is inlined into another.
static int* volatile nowhere;

[[gnu::always_inline]] static inline void store(int value) {
  *nowhere = value;
}
[[gnu::always_inline]] static inline void twice(int value) {
  store(value * 2);
}
[[gnu::noinline]] static int outer(int value) {
  twice(value + 1);
  return value;
}
int main(int argc, char**) {
  return outer(argc) + 1;
}
