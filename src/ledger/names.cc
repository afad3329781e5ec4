#include "ledger/names.h"

namespace nines::ledger {
namespace {
// Subjects may be transient units without end; the cache may not.
constexpr std::size_t kMaxCached = 8192;
}  // namespace

Result<Names> Names::open(Database* database) {
  Names names;
  names.database_ = database;
  NINES_ASSIGN(names.find_, database->prepare("SELECT id FROM names WHERE text = ?"));
  NINES_ASSIGN(names.insert_, database->prepare("INSERT INTO names (text) VALUES (?)"));
  return names;
}

Result<std::int64_t> Names::intern(std::string_view text) {
  std::string key(text);
  if (const auto found = cache_.find(key); found != cache_.end()) return found->second;
  if (cache_.size() >= kMaxCached) cache_.clear();
  std::optional<std::int64_t> id;
  {
    NINES_ASSIGN(auto rows, find_.query(text));
    NINES_ASSIGN(const bool found, rows.next());
    if (found) id = rows.int64(0);
  }
  if (!id) {
    NINES_TRY(insert_.execute(text));
    id = database_->last_insert_id();
  }
  cache_.emplace(std::move(key), *id);
  return *id;
}

}  // namespace nines::ledger
