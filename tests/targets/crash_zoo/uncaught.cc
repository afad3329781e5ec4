// Nobody catches an exception.
#include <stdexcept>
namespace shop {
struct OutOfStock : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[gnu::noinline]] int order(int count) {
  if (count > 0) throw OutOfStock("no teapots left");
  return count;
}
}  // namespace shop
int main(int argc, char**) {
  return shop::order(argc) + 1;
}
