#include "ledger/packed_id.h"

#include <algorithm>

#include "base/id128.h"

namespace nines::ledger {
BlobOrText pack_id(std::string_view id) {
  const auto parsed = Id128::parse(id);
  if (!parsed) return {std::string(id), false};
  return {std::string(parsed->bytes().begin(), parsed->bytes().end()), true};
}

std::string unpack_id(std::string bytes, bool is_blob) {
  if (!is_blob) return bytes;
  // A blob of another size is damage; it is told by its beginning.
  std::array<std::uint8_t, Id128::kBytes> id{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), id.size()), id.begin());
  return Id128(id).digits();
}

}  // namespace nines::ledger
