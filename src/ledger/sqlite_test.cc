#include "ledger/sqlite.h"

#include <gtest/gtest.h>

#include "ledger/packed_id.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::TempDir;

TEST(Sqlite, BindsAndReadsEveryKindOfValue) {
  const TempDir dir;
  Database database = *Database::open(dir.file("x.db"), OpenMode::kReadWriteCreate);
  ASSERT_TRUE(
      database.execute("CREATE TABLE t (a ANY, b ANY, c ANY, d ANY, e ANY) STRICT").has_value());
  Statement insert = *database.prepare("INSERT INTO t VALUES (?,?,?,?,?)");
  const std::string text("with\0nul", 8);
  ASSERT_TRUE(insert
                  .execute(std::int64_t{-7}, text, Blob{"\xff"}, std::optional<std::int64_t>(),
                           std::string_view())
                  .has_value());
  Statement select = *database.prepare("SELECT * FROM t WHERE a = ?");
  auto rows = *select.query(-7);
  ASSERT_TRUE(*rows.next());
  EXPECT_EQ(rows.int64(0), -7);
  EXPECT_EQ(rows.bytes(1), text);
  EXPECT_TRUE(rows.is_blob(2));
  EXPECT_EQ(rows.bytes(2), "\xff");
  EXPECT_TRUE(rows.is_null(3));
  EXPECT_FALSE(rows.is_null(4));  // the empty text is not NULL
  EXPECT_FALSE(*rows.next());
}

TEST(Sqlite, AWrongNumberOfValuesIsOurBug) {
  const TempDir dir;
  Database database = *Database::open(dir.file("x.db"), OpenMode::kReadWriteCreate);
  Statement statement = *database.prepare("SELECT ?, ?");
  EXPECT_EQ(statement.query(1).error().code(), ErrorCode::kInternal);
  EXPECT_EQ(statement.query(1, 2, 3).error().code(), ErrorCode::kInternal);
  EXPECT_EQ(Statement().execute().error().code(), ErrorCode::kInternal);
}

TEST(Sqlite, FailuresHaveTheirCodes) {
  const TempDir dir;
  EXPECT_EQ(Database::open(dir.file("none/x.db"), OpenMode::kReadWriteCreate).error().code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(Database::open(dir.file("none.db"), OpenMode::kReadOnly).error().code(),
            ErrorCode::kNotFound);
  testing::write_file(dir.file("garbage.db"), std::string(8192, 'g'));
  Database garbage = *Database::open(dir.file("garbage.db"), OpenMode::kReadWriteCreate);
  EXPECT_EQ(garbage.value("PRAGMA user_version").error().code(), ErrorCode::kCorrupt);

  Database one = *Database::open(dir.file("x.db"), OpenMode::kReadWriteCreate);
  ASSERT_TRUE(
      one.execute("CREATE TABLE t (a INTEGER UNIQUE); INSERT INTO t VALUES (1)").has_value());
  EXPECT_EQ(one.execute("INSERT INTO t VALUES (1)").error().code(), ErrorCode::kInvalidArgument);
  Database two = *Database::open(dir.file("x.db"), OpenMode::kReadWriteCreate);
  const Transaction held = *Transaction::begin(&one);
  EXPECT_EQ(Transaction::begin(&two).error().code(), ErrorCode::kBusy);
  Database reader = *Database::open(dir.file("x.db"), OpenMode::kReadOnly);
  EXPECT_EQ(reader.execute("INSERT INTO t VALUES (2)").error().code(), ErrorCode::kDenied);
  ASSERT_TRUE(two.execute("PRAGMA max_page_count = 2").has_value());
}

TEST(Sqlite, ADatabaseAtItsMaximumIsFull) {
  const TempDir dir;
  Database database = *Database::open(dir.file("x.db"), OpenMode::kReadWriteCreate);
  ASSERT_TRUE(database.execute("CREATE TABLE t (a); PRAGMA max_page_count = 3").has_value());
  EXPECT_EQ(database.execute("INSERT INTO t VALUES (zeroblob(100000))").error().code(),
            ErrorCode::kNoSpace);
}

TEST(Sqlite, ATransactionThatIsNotCommittedIsUndone) {
  const TempDir dir;
  Database database = *Database::open(dir.file("x.db"), OpenMode::kReadWriteCreate);
  ASSERT_TRUE(database.execute("CREATE TABLE t (a)").has_value());
  {
    const Transaction dropped = *Transaction::begin(&database);
    ASSERT_TRUE(database.execute("INSERT INTO t VALUES (1)").has_value());
  }
  EXPECT_EQ(*database.value("SELECT count(*) FROM t"), 0);
  Transaction kept = *Transaction::begin(&database);
  ASSERT_TRUE(database.execute("INSERT INTO t VALUES (1)").has_value());
  ASSERT_TRUE(kept.commit().has_value());
  EXPECT_EQ(*database.value("SELECT count(*) FROM t"), 1);
}

TEST(Sqlite, FilesAreNotForEverybody) {
  const TempDir dir;
  ASSERT_TRUE(Database::open(dir.file("x.db"), OpenMode::kReadWriteCreate).has_value());
  const auto mode = std::filesystem::status(dir.file("x.db")).permissions();
  EXPECT_EQ(mode & std::filesystem::perms::others_all, std::filesystem::perms::none);
}

TEST(PackedId, OnlyTheFormOfNewIdIsPacked) {
  const std::string id = new_id();
  const BlobOrText packed = pack_id(id);
  EXPECT_TRUE(packed.is_blob);
  EXPECT_EQ(packed.bytes.size(), 16U);
  EXPECT_EQ(unpack_id(packed.bytes, true), id);
  for (const std::string& text : {std::string("x"), std::string(), std::string(32, 'g'),
                                  std::string(32, 'A'), id + "0", id.substr(1)}) {
    EXPECT_FALSE(pack_id(text).is_blob) << text;
    EXPECT_EQ(unpack_id(pack_id(text).bytes, false), text);
  }
}

TEST(PackedId, NewIdsGrowWithTime) {
  const std::string first = new_id();
  EXPECT_EQ(first.size(), 32U);
  const std::int64_t begin = utc_now().ns / 1'000'000;
  while (utc_now().ns / 1'000'000 == begin) {
  }
  EXPECT_LT(first, new_id());
}

}  // namespace
}  // namespace nines::ledger
