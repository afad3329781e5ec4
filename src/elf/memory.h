// The memory of a process, wherever it comes from: alive, a core, a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace nines::elf {

class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  virtual ~Memory() = default;

  /// @return whether all of it could be read; `into` is undefined otherwise.
  virtual bool read(std::uint64_t address, void* into, std::size_t size) const = 0;

  template <typename T>
  std::optional<T> get(std::uint64_t address) const {
    T value;
    if (!read(address, &value, sizeof value)) return std::nullopt;
    return value;
  }

  /// @return the text at `address` up to its NUL; nothing if it is longer than `most`.
  std::optional<std::string> text(std::uint64_t address, std::size_t most) const {
    std::string found;
    for (char c = 0; found.size() <= most && read(address + found.size(), &c, 1); found += c) {
      if (c == '\0') return found;
    }
    return std::nullopt;
  }
};

}  // namespace nines::elf
