// Calls a function that no class has.
struct Base {
  Base() { indirect(); }
  virtual ~Base() = default;
  [[gnu::noinline]] void indirect() {
    function();
    asm volatile("");
  }
  virtual void function() = 0;
};
struct Derived : Base {
  void function() override {}
};
int main() {
  Derived object;
}
