// Ids as they are stored: 32 hexadecimal digits take 16 bytes, any other text stays text.
#pragma once

#include <string>
#include <string_view>

#include "ledger/sqlite.h"

namespace nines::ledger {

/// What new_id() gives becomes a blob of 16 bytes; anything else is kept as text.
BlobOrText pack_id(std::string_view id);
/// The inverse.
std::string unpack_id(std::string bytes, bool is_blob);
/// The id in a column that pack_id() filled.
inline std::string id_column(const Statement::Rows& rows, int column) {
  return unpack_id(rows.bytes(column), rows.is_blob(column));
}

}  // namespace nines::ledger
