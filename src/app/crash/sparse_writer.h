// A file with holes where pages of zeros were.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/types.h"

namespace nines::crash {

/// Writes to a descriptor, in order; whole pages of zeros become holes where it can be sought in.
class SparseWriter {
 public:
  /// @param most  bytes that it may take up on the disk, holes left out.
  explicit SparseWriter(int fd, Bytes most = Bytes{UINT64_MAX});

  /// @errors those of write(2), with their errno; kNoSpace: it would be more than `most`.
  Status write(std::string_view bytes);
  /// Gives the file its length, if it ends with a hole.
  Status finish();
  std::uint64_t written() const { return at_; }

 private:
  Status put(std::string_view bytes);

  int fd_;
  std::uint64_t most_;
  std::uint64_t stored_ = 0;
  bool seeks_;
  bool hole_ = false;
  std::uint64_t at_ = 0;
};

/// Whether there is nothing but zeros in it.
bool all_zeros(std::string_view bytes);

}  // namespace nines::crash
