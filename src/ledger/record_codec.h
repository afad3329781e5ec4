// Records as bytes, framed so that a torn or damaged one is noticed and costs no other.
//
//   offset size
//   0      4    magic "NSP1"
//   4      4    length of the payload
//   8      4    CRC-32 of the payload
//   12     1    type: 1 boot id, 2 event, 3 interval
//   13     3    zero
//   16     4    CRC-32 of bytes 0..15
//   20     ...  payload
//
// Integers are little-endian. CRC-32 is that of ISO 3309, as in zlib and gzip.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "ledger/record.h"

namespace nines::ledger {

/// Longest payload that is written or believed.
inline constexpr std::size_t kMaxPayload = 256 * 1024;

/// Says which boot the records after it belong to.
struct BootMark {
  std::string boot_id;
};

void append_frame(std::string* out, const BootMark& mark);
/// @return false, and `out` as it was: the record is longer than kMaxPayload.
[[nodiscard]] bool append_frame(std::string* out, const Record& record);

/// What a segment of the spool held.
struct DecodedSegment {
  std::string boot_id;            ///< of its BootMark; empty: it had none
  std::vector<Record> records;    ///< in the order in which they were written
  std::size_t skipped_bytes = 0;  ///< torn or damaged, passed over
};

/// Decodes any bytes: finds every whole frame, also behind damaged ones.
DecodedSegment decode_segment(std::string_view bytes);

std::uint32_t crc32(std::string_view bytes);

}  // namespace nines::ledger
