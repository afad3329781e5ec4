// For the tests of what goes out of a ledger, into it, and is saved of it.
#pragma once

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <string>
#include <vector>

#include "ledger/export.h"
#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger::testing {

class ExportTest : public ::testing::Test {
 protected:
  static Store open(const std::string& path) { return std::move(*Store::open(path, test_host())); }
  void fill(int count) {
    Store store = open(path_);
    std::vector<Record> records;
    for (int i = 0; i < count; ++i) {
      Event event =
          make_event(new_id(), i % 2 == 0 ? "unit.exit" : "unit.ready", "a.service", i * 10);
      event.detail_json = fmt::format(R"({{"n":{},"text":"\u00e4\n"}})", i);
      DowntimeInterval down = closed(fmt::format("i{}", i), i * 10, i * 10 + 3);
      down.cause_event = event.id;
      records.emplace_back(event);
      if (i % 2 == 0) records.emplace_back(down);
    }
    ASSERT_TRUE(store.apply(records));
    ASSERT_TRUE(store.apply(std::vector<Record>{opened("open", count * 10)}, "boot-2"));
    store.close_in_order();
  }
  static std::vector<std::string> lines_of(const std::string& path) {
    std::vector<std::string> lines;
    const auto done = export_ledger(path, [&](const std::string& line) {
      lines.push_back(line);
      return true;
    });
    EXPECT_TRUE(done);
    return lines;
  }
  static Result<CommittedBatch> import(Store& store, const std::vector<std::string>& lines) {
    std::size_t next = 0;
    return store.import([&](std::string* line) -> Result<bool> {
      if (next == lines.size()) return false;
      *line = lines[next++];
      return true;
    });
  }

  TempDir dir_;
  std::string path_ = dir_.file("ledger.db");
  std::string copy_ = dir_.file("copy.db");
};

}  // namespace nines::ledger::testing
