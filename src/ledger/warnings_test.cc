#include "ledger/warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/reader.h"
#include "ledger/reader_rows.h"
#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::closed;
using ::testing::HasSubstr;
using testing::kDay2026;
using testing::kSecond;
using testing::make_event;
using ::testing::Not;

constexpr const char* kUnit = "a.service";

class WarningsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Store::open(path_, testing::test_host());
    ASSERT_TRUE(opened) << opened.error().message();
    store_.emplace(std::move(*opened));
    event("unit.ready", 0);
    event("unit.ready", 0, "b.service");
  }

  void apply(Record record) { ASSERT_TRUE(store_->apply({&record, 1})); }
  void event(const std::string& kind, std::int64_t second, const std::string& unit = kUnit,
             const std::string& detail = "{}", Severity severity = Severity::kInfo) {
    Event one = make_event(new_id(), kind, unit, second);
    one.detail_json = detail;
    one.severity = severity;
    apply(one);
  }
  void warning(const std::string& predictor, std::int64_t second, int horizon_s,
               const std::string& unit = kUnit) {
    event("predict." + predictor, second, unit,
          R"({"horizon_s":)" + std::to_string(horizon_s) + "}", Severity::kWarning);
  }
  void down(std::int64_t second, const std::string& unit = kUnit, bool planned = false,
            Cell cell = Cell::kAppUnplanned) {
    DowntimeInterval interval = closed(new_id(), second, second + 1, unit);
    interval.planned = planned;
    interval.cell = cell;
    apply(interval);
  }
  /// Over the seconds [from, to).
  Scores why(const std::string& unit, std::int64_t from = 0, std::int64_t to = 100'000) {
    WhyQuery query;
    query.unit = unit;
    query.from = UtcTime{kDay2026 + from * kSecond};
    query.to = UtcTime{kDay2026 + to * kSecond};
    auto reader = Reader::open(path_);
    EXPECT_TRUE(reader) << reader.error().message();
    const auto report = reader->why(query);
    EXPECT_TRUE(report) << report.error().message();
    return report ? report->predictors : Scores{};
  }
  template <typename... Args>
  std::string plan_of(const std::string& sql, const Args&... args) {
    auto database = Database::open(path_, OpenMode::kReadOnly);
    EXPECT_TRUE(database);
    auto statement = database->prepare("EXPLAIN QUERY PLAN " + sql);
    EXPECT_TRUE(statement) << statement.error().message();
    auto rows = statement->query(args...);
    EXPECT_TRUE(rows);
    std::string plan;
    for (;;) {
      const auto more = rows->next();
      EXPECT_TRUE(more);
      if (!more || !*more) return plan;
      plan += rows->bytes(3) + "\n";
    }
  }

  testing::TempDir dir_;
  std::string path_ = dir_.file("ledger.db");
  std::optional<Store> store_;
};

TEST_F(WarningsTest, AreJudgedByWhatBecameOfTheirUnit) {
  warning("memory", 100, 60);
  down(130);
  warning("memory", 1000, 60);
  event("unit.rejuvenated", 1030);
  warning("memory", 2000, 60);
  warning("fds", 3000, 60, "b.service");
  down(3010);  // of the other unit
  const Scores scores = why("");
  ASSERT_EQ(scores.predictors.size(), 2U);
  EXPECT_EQ(scores.predictors[0].predictor, "fds");
  EXPECT_EQ(scores.predictors[0].false_alarms, 1U);
  const PredictorScore& memory = scores.predictors[1];
  EXPECT_EQ(memory.warned, 3U);
  EXPECT_EQ(memory.came_true, 1U);
  EXPECT_EQ(memory.acted_on, 1U);
  EXPECT_EQ(memory.false_alarms, 1U);
  EXPECT_EQ(scores.all.failures, 2U);
  EXPECT_EQ(scores.all.foretold, 1U);
}

TEST_F(WarningsTest, OfOneUnitAreItsOwn) {
  warning("memory", 100, 60);
  warning("memory", 100, 60, "b.service");
  down(130);
  const Scores scores = why("b.service");
  EXPECT_EQ(scores.all.warned, 1U);
  EXPECT_EQ(scores.all.came_true, 0U);
  EXPECT_EQ(scores.all.failures, 0U);
}

TEST_F(WarningsTest, OfInfoSeverityAreNone) {
  event("predict.memory", 100, kUnit, R"({"horizon_s":60})");
  down(130);
  EXPECT_TRUE(why("").predictors.empty());
  EXPECT_EQ(why("").all.failures, 1U);
}

TEST_F(WarningsTest, BeforeTheWindowMayHaveBeenActedOnBeforeIt) {
  warning("memory", 100, 500'000);
  down(120, kUnit, /*planned=*/true);
  down(400'000);
  EXPECT_EQ(why("", 399'000, 401'000).all.foretold, 0U);
  warning("memory", 130, 500'000);
  EXPECT_EQ(why("", 399'000, 401'000).all.foretold, 1U);
  EXPECT_EQ(why("", 399'000, 401'000).all.warned, 0U);
}

TEST_F(WarningsTest, OfTheHostAreJudgedOnceByAllUnits) {
  warning("mce", 100, 60, "");
  down(110, kUnit, false, Cell::kHwUnplanned);
  down(111, "b.service", false, Cell::kHwUnplanned);
  const Scores scores = why("");
  EXPECT_EQ(scores.all.warned, 1U);
  EXPECT_EQ(scores.all.came_true, 1U);
  EXPECT_EQ(scores.all.foretold, 2U);
  EXPECT_EQ(scores.all.failures, 2U);
  const Scores one = why(kUnit);
  EXPECT_EQ(one.all.warned, 0U);  // it was not about this unit
  EXPECT_EQ(one.all.foretold, 1U);
}

TEST_F(WarningsTest, OfTheHostAloneAreJudgedByTheHost) {
  warning("mce", 100, 60, "");
  event("unit.ready", 0, std::string(kHostUnit));
  down(110, std::string(kHostUnit), false, Cell::kHwUnplanned);
  const Scores scores = why(std::string(kHostUnit));
  EXPECT_EQ(scores.all.came_true, 1U);
  EXPECT_EQ(scores.all.failures, 1U);
  EXPECT_EQ(scores.all.foretold, 1U);
}

TEST_F(WarningsTest, OfVeryManyKindsAreNotAllToldApart) {
  for (std::size_t i = 0; i < kMaxPredictors + 5; ++i) {
    warning("p" + std::to_string(i), 100 + static_cast<std::int64_t>(i), 1);
  }
  const Scores scores = why("");
  EXPECT_EQ(scores.predictors.size(), kMaxPredictors + 1);
  EXPECT_EQ(scores.all.warned, kMaxPredictors + 5);
  EXPECT_EQ(scores.predictors[0].predictor, "other");
  EXPECT_EQ(scores.predictors[0].warned, 5U);
}

/// A scan of the events would take seconds where there are millions.
TEST_F(WarningsTest, AreFoundByTheirKind) {
  const std::string actions = plan_of(kActionsQuery, kRejuvenatedKind, 0, 1, 1);
  const std::string predictions =
      plan_of(std::string(kEventColumns) + kPredictionsCondition, kPredictionKinds, 1, 0, 1, 1);
  for (const std::string& plan : {actions, predictions}) {
    EXPECT_THAT(plan, HasSubstr("SEARCH e USING INDEX events_by_kind (kind=? AND time_ns"));
    EXPECT_THAT(plan, Not(HasSubstr("SCAN e")));
  }
}

}  // namespace
}  // namespace nines::ledger
