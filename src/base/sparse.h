// Members that are mostly empty, in the size of a pointer: there is one of each for every unit.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nines {

/// A container that takes eight bytes while it is empty. To read, it is the container; what changes
/// it in other ways than below does so through edit().
template <typename Container>
class Sparse {
 public:
  using value_type = typename Container::value_type;
  using size_type = typename Container::size_type;
  using const_reference = typename Container::const_reference;
  using const_iterator = typename Container::const_iterator;
  using iterator = const_iterator;

  Sparse() = default;
  Sparse(Container items) { *this = std::move(items); }  // NOLINT(google-explicit-constructor)
  Sparse(std::initializer_list<value_type> items) : Sparse(Container(items)) {}
  Sparse(const Sparse& other) : Sparse(other.get()) {}
  Sparse(Sparse&&) noexcept = default;
  Sparse& operator=(const Sparse& other) {
    if (this != &other) *this = Container(other.get());
    return *this;
  }
  Sparse& operator=(Sparse&&) noexcept = default;
  Sparse& operator=(std::initializer_list<value_type> items) {
    *this = Container(items);
    return *this;
  }
  Sparse& operator=(Container items) {
    items_ = items.empty() ? nullptr : std::make_unique<Container>(std::move(items));
    return *this;
  }
  ~Sparse() = default;

  const Container& get() const {
    static const Container none;
    return items_ ? *items_ : none;
  }
  Container& edit() {
    if (!items_) items_ = std::make_unique<Container>();
    return *items_;
  }
  operator const Container&() const { return get(); }  // NOLINT(google-explicit-constructor)
  operator Container&() { return edit(); }             // NOLINT(google-explicit-constructor)

  bool empty() const { return !items_ || items_->empty(); }
  size_type size() const { return items_ ? items_->size() : 0; }
  const_iterator begin() const { return get().begin(); }
  const_iterator end() const { return get().end(); }
  const_reference front() const { return get().front(); }
  const_reference back() const { return get().back(); }
  const_reference operator[](size_type at) const { return get()[at]; }
  template <typename Key>
  bool contains(const Key& key) const {
    return items_ && items_->contains(key);
  }

  void clear() { items_.reset(); }
  void push_back(value_type item) { edit().push_back(std::move(item)); }
  template <typename... Args>
  decltype(auto) insert(Args&&... args) {
    return edit().insert(std::forward<Args>(args)...);
  }

  friend bool operator==(const Sparse& a, const Sparse& b) { return a.get() == b.get(); }

 private:
  std::unique_ptr<Container> items_;
};

/// A text that is mostly empty.
class SparseText {
 public:
  SparseText() = default;
  SparseText(std::string text) { *this = std::move(text); }  // NOLINT(google-explicit-constructor)
  SparseText(const SparseText& other) : SparseText(other.get()) {}
  SparseText(SparseText&&) noexcept = default;
  SparseText& operator=(const SparseText& other) {
    if (this != &other) *this = other.get();
    return *this;
  }
  SparseText& operator=(SparseText&&) noexcept = default;
  SparseText& operator=(std::string text) {
    text_ = text.empty() ? nullptr : std::make_unique<std::string>(std::move(text));
    return *this;
  }
  ~SparseText() = default;

  const std::string& get() const {
    static const std::string none;
    return text_ ? *text_ : none;
  }
  operator const std::string&() const { return get(); }  // NOLINT(google-explicit-constructor)
  bool empty() const { return text_ == nullptr; }
  void clear() { text_.reset(); }
  friend bool operator==(const SparseText& a, std::string_view b) { return a.get() == b; }

 private:
  std::unique_ptr<std::string> text_;
};

/// std::optional for what is large and seldom there.
template <typename T>
class SparseOptional {
 public:
  SparseOptional() = default;
  SparseOptional(std::nullopt_t) {}  // NOLINT(google-explicit-constructor)
  SparseOptional(T value)            // NOLINT(google-explicit-constructor)
      : value_(std::make_unique<T>(std::move(value))) {}
  SparseOptional(const SparseOptional& other)
      : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  SparseOptional(SparseOptional&&) noexcept = default;
  SparseOptional& operator=(const SparseOptional& other) {
    if (this != &other) value_ = other.value_ ? std::make_unique<T>(*other.value_) : nullptr;
    return *this;
  }
  SparseOptional& operator=(SparseOptional&&) noexcept = default;
  ~SparseOptional() = default;

  bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  void reset() { value_.reset(); }
  T& emplace() { return *(value_ = std::make_unique<T>()); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }

 private:
  std::unique_ptr<T> value_;
};

/// A value that all who have not changed it share; at first that is a T{}.
template <typename T>
class CopyOnWrite {
 public:
  CopyOnWrite() : value_(unchanged()) {}
  CopyOnWrite(T value)  // NOLINT(google-explicit-constructor)
      : value_(value == *unchanged() ? unchanged() : std::make_shared<const T>(std::move(value))) {}

  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }
  /// The value as this one's own. The reference is good until this one is copied.
  T& edit() {
    // Also when nobody else has it: a shared value is const, and is never changed in place.
    auto own = std::make_shared<T>(*value_);
    T& result = *own;
    value_ = std::move(own);
    return result;
  }

 private:
  static const std::shared_ptr<const T>& unchanged() {
    static const auto value = std::make_shared<const T>();
    return value;
  }
  std::shared_ptr<const T> value_;
};

}  // namespace nines
