// Kinds, subjects and units, each stored once and referred to by number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

class Names {
 public:
  static Result<Names> open(Database* database);

  /// The number of `text`, given now if it has none.
  /// @pre  inside a transaction; when that is rolled back, forget() must follow.
  Result<std::int64_t> intern(std::string_view text);
  /// Empties the cache.
  void forget() { cache_.clear(); }

 private:
  Statement find_;
  Statement insert_;
  Database* database_ = nullptr;
  std::unordered_map<std::string, std::int64_t> cache_;
};

}  // namespace nines::ledger
