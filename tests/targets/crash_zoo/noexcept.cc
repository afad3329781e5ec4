// An exception comes to a function that promised that none would.
#include <stdexcept>
[[gnu::noinline]] int throws(int value) {
  if (value > 0) throw std::out_of_range("index 7");
  return value;
}
[[gnu::noinline]] int promises(int value) noexcept {
  return throws(value) + 1;
}
int main(int argc, char**) {
  return promises(argc) + 1;
}
