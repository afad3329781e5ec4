// A file with holes where pages of zeros were.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace nines::crash {

/// Writes to a descriptor, in order; whole pages of zeros become holes where it can be sought in.
class SparseWriter {
 public:
  explicit SparseWriter(int fd);

  /// @errors those of write(2), with their errno.
  Status write(std::string_view bytes);
  /// Gives the file its length, if it ends with a hole.
  Status finish();
  std::uint64_t written() const { return at_; }

 private:
  Status put(std::string_view bytes);

  int fd_;
  bool seeks_;
  bool hole_ = false;
  std::uint64_t at_ = 0;
};

/// Whether there is nothing but zeros in it.
bool all_zeros(std::string_view bytes);

}  // namespace nines::crash
