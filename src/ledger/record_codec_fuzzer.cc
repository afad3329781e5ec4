// Hostile bytes as a segment: no crash, no more bytes skipped than there are, and what was decoded
// is encoded and decoded to the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ledger/record_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::ledger;  // NOLINT(google-build-using-namespace): one function
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const DecodedSegment segment = decode_segment(bytes);
  if (segment.skipped_bytes > size) std::abort();
  std::string encoded;
  for (const Record& record : segment.records) {
    if (!append_frame(&encoded, record)) std::abort();
  }
  const DecodedSegment again = decode_segment(encoded);
  if (again.records.size() != segment.records.size() || again.skipped_bytes != 0) std::abort();
  std::string twice;
  for (const Record& record : again.records) {
    if (!append_frame(&twice, record)) std::abort();
  }
  if (twice != encoded) std::abort();
  return 0;
}
