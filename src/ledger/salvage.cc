#include "ledger/salvage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace nines::ledger {
namespace {

constexpr std::size_t kGiveUp = 5000;  // failed tries in a row: there is nothing more to come
constexpr std::size_t kAllTries = 1'000'000;  // of one table
constexpr std::size_t kOneByOne = 512;        // then in larger steps: a page of pages is gone
constexpr std::int64_t kStep = 16;            // fewer rows than a page has
constexpr std::int64_t kMaxNumber = std::int64_t{1} << 40;  // no ledger comes so far

/// Whether it is the damage that speaks, and not the lack of something else.
bool is_damage(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:            // a table or column that is not there
    case ErrorCode::kIo:                  // a bad sector
    case ErrorCode::kLimit: return true;  // a length that cannot be
    default: return false;
  }
}

class ByNumber {
 public:
  ByNumber(Database* damaged, const TableShape& table, const TakeRow& take)
      : damaged_(damaged), table_(table), take_(take) {}

  Result<Salvaged> run() {
    const auto greatest =
        damaged_->value(fmt::format("SELECT max({}) FROM {}", table_.order, table_.name));
    if (greatest) end_ = std::min(*greatest, kMaxNumber);
    NINES_ASSIGN(on_, prepare(">="));
    NINES_ASSIGN(one_, prepare("="));
    std::size_t in_a_row = 0;
    std::int64_t step = 0;
    std::int64_t from = 1;
    for (std::size_t tries = 0; from <= end_ && tries < kAllTries; ++tries) {
      NINES_ASSIGN(const bool whole, read_on(from));
      const bool came_on = last_ >= from;
      if ((whole || came_on) && step > 1) NINES_TRY(read_between(from - step + 1, from));
      if (whole) break;
      if (came_on || in_a_row == 0) ++salvaged_.places;
      in_a_row = came_on ? 1 : in_a_row + 1;
      if (in_a_row > kGiveUp) break;
      step = came_on || in_a_row < kOneByOne ? 1 : kStep;
      from = (came_on ? last_ : from) + step;
    }
    return salvaged_;
  }

 private:
  Result<Statement> prepare(const char* compare) {
    return damaged_->prepare(fmt::format("SELECT {} FROM {} NOT INDEXED WHERE {} {} ? ORDER BY {}",
                                         table_.columns, table_.name, table_.order, compare,
                                         table_.order));
  }

  Status take(const Statement::Rows& rows) {
    NINES_ASSIGN(const bool kept, take_(rows));
    salvaged_.rows += kept ? 1 : 0;
    return {};
  }

  /// Moves last_ on. @return whether the end of the table was reached.
  Result<bool> read_on(std::int64_t from) {
    last_ = from - 1;
    std::size_t disordered = 0;
    auto rows = on_.query(from);
    if (!rows) return std::move(rows.error());
    for (;;) {
      const auto more = rows->next();
      if (!more && !is_damage(more.error())) return more.error();
      if (!more) return false;
      if (!*more) return true;
      const std::int64_t number = rows->int64(0);
      const bool in_order = number > last_ && number <= end_;
      // A flipped bit in a number, or pages that lead in a circle.
      if (!in_order && ++disordered > kGiveUp) return false;
      if (number < 1 || number > end_) continue;
      last_ = std::max(last_, number);
      NINES_TRY(take(*rows));
    }
  }

  /// What a large step has passed over.
  Status read_between(std::int64_t from, std::int64_t to) {
    for (std::int64_t number = from; number < to; ++number) {
      auto rows = one_.query(number);
      if (!rows) return std::move(rows.error());
      const auto found = rows->next();
      if (!found && !is_damage(found.error())) return found.error();
      if (found && *found) NINES_TRY(take(*rows));
    }
    return {};
  }

  Database* damaged_;
  const TableShape& table_;
  const TakeRow& take_;
  Statement on_, one_;
  std::int64_t end_ = kMaxNumber;
  std::int64_t last_ = 0;
  Salvaged salvaged_;
};

Result<Salvaged> from_both_ends(Database* damaged, const TableShape& table, const TakeRow& take) {
  Salvaged salvaged;
  for (const char* order : {table.order, table.backwards}) {
    NINES_ASSIGN(Statement all, damaged->prepare(fmt::format("SELECT {} FROM {} ORDER BY {}",
                                                             table.columns, table.name, order)));
    NINES_ASSIGN(auto rows, all.query());
    for (;;) {
      const auto more = rows.next();
      if (!more && !is_damage(more.error())) return more.error();
      if (!more) break;
      if (!*more) return salvaged;
      NINES_ASSIGN(const bool kept, take(rows));
      salvaged.rows += kept ? 1 : 0;
    }
    salvaged.places = 1;
  }
  return salvaged;
}

}  // namespace

Result<Salvaged> salvage(Database* damaged, const TableShape& table, const TakeRow& take) {
  // Asked here, where an error can only be the damaged one's.
  const auto there = damaged->prepare(fmt::format("SELECT {} FROM {}", table.columns, table.name));
  if (!there && is_damage(there.error())) return Salvaged{0, 1};
  if (!there) return there.error();
  return table.backwards == nullptr ? ByNumber(damaged, table, take).run()
                                    : from_both_ends(damaged, table, take);
}

Result<Salvaged> copy_table(Database* damaged, Database* fresh, const TableShape& table) {
  const auto columns = std::count(table.columns, std::string_view(table.columns).end(), ',') + 1;
  std::string places = "?";
  for (std::ptrdiff_t i = 1; i < columns; ++i) places += ", ?";
  NINES_ASSIGN(Statement insert,
               fresh->prepare(fmt::format("INSERT OR IGNORE INTO {} ({}) VALUES ({})", table.name,
                                          table.columns, places)));
  return salvage(damaged, table, [&](const Statement::Rows& rows) -> Result<bool> {
    const Status copied = insert.execute_with(rows);
    if (!copied && copied.error().code() == ErrorCode::kInvalidArgument) return false;
    if (!copied) return copied.error();
    return fresh->changes() > 0;
  });
}

std::size_t lost_rows(Database* damaged, const TableShape& table, const Salvaged& salvaged) {
  // By its smallest index, which may be whole where the table is not; else by the table.
  auto all = damaged->value(fmt::format("SELECT count(*) FROM {}", table.name));
  if (!all) all = damaged->value(fmt::format("SELECT count(*) FROM {} NOT INDEXED", table.name));
  if (!all) return salvaged.places;
  const auto counted = static_cast<std::size_t>(std::max<std::int64_t>(*all, 0));
  return counted > salvaged.rows ? counted - salvaged.rows : 0;
}

}  // namespace nines::ledger
