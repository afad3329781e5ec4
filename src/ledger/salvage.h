// Row by row out of a damaged database, past what cannot be read.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/result.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

/// A table by the names of today's schema.
struct TableShape {
  const char* name;
  const char* columns;    ///< all of them; for a table with row numbers that one first
  const char* order;      ///< its key
  const char* backwards;  ///< the same, descending; nullptr: it has row numbers
};

struct Salvaged {
  std::size_t rows = 0;    ///< taken
  std::size_t places = 0;  ///< stretches that cannot be read
};

/// Takes a row. @return whether it is kept; an Error ends it all.
using TakeRow = std::function<Result<bool>(const Statement::Rows&)>;

/// Hands over every row that can be read, most of them in order. Where there is a hole, a table
/// with row numbers is read on behind it, one without from its other end. Tries are bounded.
Result<Salvaged> salvage(Database* damaged, const TableShape& table, const TakeRow& take);

/// The same, into the table of that name with all values as they are. A row that breaks a rule of
/// the schema is not kept.
Result<Salvaged> copy_table(Database* damaged, Database* fresh, const TableShape& table);

/// @return  rows of the damaged table that were not taken, where it can still be counted; else the
///          number of places.
std::size_t lost_rows(Database* damaged, const TableShape& table, const Salvaged& salvaged);

}  // namespace nines::ledger
