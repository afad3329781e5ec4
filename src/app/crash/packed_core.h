// A whole core, packed: pieces of fixed size, each a zstd frame of its own, and behind them a table
// of all frames. `zstd -d` reads it as any other file.
//
//   frame 0 | frame 1 | ... | frame n-1 | skippable frame: the table
//
// Each frame but the last holds kPiece bytes of the core, says so in its header, and ends with a
// checksum. That the table is there says that the core is whole.
//
// @source RFC 8878; contrib/seekable_format/zstd_seekable_compression_format.md of zstd
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace nines::crash {

/// Large enough that a frame of zeros (76 bytes) costs next to nothing.
inline constexpr std::size_t kPiece = std::size_t{2} << 20;

/// Makes frames. One for each thread.
class PiecePacker {
 public:
  PiecePacker();
  ~PiecePacker();
  PiecePacker(PiecePacker&&) noexcept;

  /// @param piece  1 to kPiece bytes.
  /// @return  the frame; valid until the next call.
  /// @errors kLimit: no memory.
  Result<std::string_view> pack(std::string_view piece);
  /// The same of so many zeros; those of a whole piece are packed only once.
  Result<std::string_view> pack_zeros(std::size_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The table, as it grows.
class FrameTable {
 public:
  void add(std::size_t packed, std::size_t unpacked) {
    frames_.push_back({static_cast<std::uint32_t>(packed), static_cast<std::uint32_t>(unpacked)});
  }
  /// @return  the skippable frame that ends the file.
  std::string encode() const;

  struct Frame {
    std::uint32_t packed = 0;
    std::uint32_t unpacked = 0;
  };
  const std::vector<Frame>& frames() const { return frames_; }

 private:
  std::vector<Frame> frames_;
};

/// Reads the table of a packed core, whatever the file is: no more is believed than fits its size.
/// @param packed  a file in which can be sought.
/// @errors kCorrupt: it ends before its table (it was cut off), or the table is not of such a file.
Result<FrameTable> read_frame_table(int packed);

/// Writes the whole core to `out`. In a file, pages of zeros become holes.
/// @param packed  a file in which can be sought, with any content.
/// @param out     at its beginning, empty; closed by the caller, who removes it after an error.
/// @param most    bytes that it may take up there: a small file may hold a core of any size.
/// @errors kCorrupt: as above, or a frame is damaged, which is named. kNoSpace: it is more than
///         `most`. Those of write(2).
Status unpack_core(int packed, int out, Bytes most = Bytes{UINT64_MAX});

}  // namespace nines::crash
