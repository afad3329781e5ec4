#include "ledger/schema.h"

#include <gtest/gtest.h>

#include <vector>

#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::TempDir;
using testing::test_host;

Database open(const TempDir& dir) {
  return std::move(*Database::open(dir.file("ledger.db"), OpenMode::kReadWriteCreate));
}
std::int64_t version(Database* database) {
  return *database->value("PRAGMA user_version");
}

TEST(Schema, AnOldDatabaseOfEveryVersionBecomesTodays) {
  const auto steps = migrations();
  std::vector<std::string> shapes;
  for (std::size_t from = 0; from <= steps.size(); ++from) {
    const TempDir dir;
    {
      Database database = open(dir);
      ASSERT_TRUE(migrate(&database, steps.first(from)).has_value()) << from;
      EXPECT_EQ(version(&database), static_cast<std::int64_t>(from));
    }
    ASSERT_TRUE(Store::open(dir.file("ledger.db"), test_host()).has_value()) << from;
    Database database = open(dir);
    EXPECT_EQ(version(&database), static_cast<std::int64_t>(steps.size()));
    Statement shape = *database.prepare("SELECT group_concat(sql, ';') FROM sqlite_schema");
    auto rows = *shape.query();
    ASSERT_TRUE(*rows.next());
    shapes.push_back(rows.bytes(0));
    EXPECT_EQ(shapes.back(), shapes.front());
  }
}

TEST(Schema, AStepThatFailsHalfWayHasNotHappened) {
  const TempDir dir;
  Database database = open(dir);
  std::vector<Migration> steps(migrations().begin(), migrations().end());
  ASSERT_TRUE(migrate(&database, steps).has_value());
  steps.push_back({"good", "CREATE TABLE added (x INTEGER) STRICT;"});
  steps.push_back({"bad",
                   "CREATE TABLE half (x INTEGER) STRICT;"
                   "INSERT INTO names (text) VALUES ('left over');"
                   "INSERT INTO no_such_table VALUES (1);"});
  ASSERT_FALSE(migrate(&database, steps).has_value());
  EXPECT_EQ(version(&database), static_cast<std::int64_t>(migrations().size()) + 1);
  EXPECT_EQ(*database.value("SELECT count(*) FROM sqlite_schema WHERE name = 'added'"), 1);
  EXPECT_EQ(*database.value("SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), 0);
  EXPECT_EQ(*database.value("SELECT count(*) FROM names"), 0);
  EXPECT_FALSE(database.in_transaction());
  // Repaired, it goes on where it stopped.
  steps.back().sql = "CREATE TABLE half (x INTEGER) STRICT;";
  EXPECT_TRUE(migrate(&database, steps).has_value());
  EXPECT_EQ(version(&database), static_cast<std::int64_t>(steps.size()));
}

TEST(Schema, ANewerDatabaseIsRefusedAndUntouched) {
  const TempDir dir;
  ASSERT_TRUE(Store::open(dir.file("ledger.db"), test_host()).has_value());
  {
    Database database = open(dir);
    ASSERT_TRUE(database.execute("PRAGMA user_version = 999").has_value());
  }
  const auto store = Store::open(dir.file("ledger.db"), test_host());
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(store.error().message().find("schema 999"), std::string::npos);
  EXPECT_FALSE(store.error().hint().empty());
  Database database = open(dir);
  EXPECT_EQ(version(&database), 999);
  EXPECT_EQ(check_version(&database).error().code(), ErrorCode::kUnsupported);
}

TEST(Schema, AnotherProgramsDatabaseIsRefused) {
  const TempDir dir;
  Database database = open(dir);
  ASSERT_TRUE(database.execute("CREATE TABLE theirs (x)").has_value());
  EXPECT_EQ(migrate(&database).error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(*database.value("SELECT count(*) FROM sqlite_schema"), 1);
}

TEST(Schema, TwoMigratorsAtATimeDoNotCollide) {
  const TempDir dir;
  Database one = open(dir);
  Database two = open(dir);
  ASSERT_TRUE(migrate(&one).has_value());
  EXPECT_TRUE(migrate(&two).has_value());
}

}  // namespace
}  // namespace nines::ledger
