// Names that C++ makes long.
#include <functional>
#include <map>
#include <string>
#include <vector>
namespace deep::er {
template <typename T, int N>
struct Box {
  [[gnu::noinline]] int open(const std::map<std::string, std::vector<T>>& content) {
    const std::function<int(int)> look = [&](int index) {
      return content.at("missing " + std::to_string(index)).at(N)[3];
    };
    return look(7) + 1;
  }
};
}  // namespace deep::er
namespace {
int* volatile nowhere;
struct Local {
  [[gnu::noinline]] int operator()(int value) const {
    *nowhere = value;
    return value;
  }
  [[gnu::noinline]] int operator<(int value) const { return (*this)(value) + 1; }
};
}  // namespace
int main(int argc, char**) {
  deep::er::Box<std::vector<int>, 2> box;
  if (argc > 3) return box.open({});
  const auto run = [](auto value) { return (Local() < value) + 1; };
  return run(argc) + 1;
}
