#include "ledger/event_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::closed;
using testing::make_event;
using testing::opened;

TEST(EventJson, RoundTripKeepsEveryField) {
  Event event = make_event("id");
  event.time.ns += 123456789;
  event.cell = Cell::kOsProactive;
  event.severity = Severity::kWarning;
  event.detail_json = R"({"b":[1,2.5,null],"a":"x"})";
  event.caused_by = "cause";
  const auto read = event_from_json(to_json_text(event));
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(read->id, event.id);
  EXPECT_EQ(read->time, event.time);
  EXPECT_EQ(read->since_boot, event.since_boot);
  EXPECT_EQ(read->cell, event.cell);
  EXPECT_EQ(read->severity, event.severity);
  EXPECT_EQ(read->kind, event.kind);
  EXPECT_EQ(read->subject, event.subject);
  EXPECT_EQ(nlohmann::json::parse(read->detail_json), nlohmann::json::parse(event.detail_json));
  EXPECT_EQ(read->caused_by, event.caused_by);

  DowntimeInterval interval = closed("i", 3, 9);
  interval.planned = true;
  interval.cell = Cell::kHwPlanned;
  interval.cause_event = "cause";
  for (const DowntimeInterval& one : {interval, opened("o", 4)}) {
    const auto back = interval_from_json(to_json_text(one));
    ASSERT_TRUE(back.has_value()) << back.error().message();
    EXPECT_EQ(to_json_text(*back), to_json_text(one));
    EXPECT_EQ(back->duration, one.duration);
    EXPECT_EQ(back->closed, one.closed);
    EXPECT_EQ(back->start, one.start);
  }
}

TEST(EventJson, WritingNeverFails) {
  Event event = make_event("\xff", "\xc3", "\x80");
  event.detail_json = "{broken";
  const auto json = nlohmann::json::parse(to_json_text(event));
  EXPECT_EQ(json["detail"]["text"], "{broken");
  EXPECT_EQ(json["id"], "\xef\xbf\xbd");
}

/// The field that an error names.
std::string refused(const std::string& text, bool is_event = true) {
  const auto name = [](const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.detail().substr(0, error.detail().find(':'));
  };
  if (is_event) {
    const auto event = event_from_json(text);
    return event ? "" : name(event.error());
  }
  const auto interval = interval_from_json(text);
  return interval ? "" : name(interval.error());
}

TEST(EventJson, TheFieldThatIsWrongIsNamed) {
  const auto with = [](const std::string& more) {
    return refused(R"({"id":"e","time":"2026-01-01T00:00:00Z","kind":"k")" + more + "}");
  };
  EXPECT_EQ(with(""), "");
  EXPECT_EQ(with(R"(,"colour":1)"), "colour");
  EXPECT_EQ(with(R"(,"id":"f")"), "id");
  EXPECT_EQ(with(R"(,"since_boot_ns":-1)"), "since_boot_ns");
  EXPECT_EQ(with(R"(,"since_boot_ns":1.5)"), "since_boot_ns");
  EXPECT_EQ(with(R"(,"since_boot_ns":18446744073709551615)"), "since_boot_ns");
  EXPECT_EQ(with(R"(,"cell":"app")"), "cell");
  EXPECT_EQ(with(R"(,"severity":2)"), "severity");
  EXPECT_EQ(with(R"(,"detail":[])"), "detail");
  EXPECT_EQ(with(R"(,"detail":null)"), "detail");
  EXPECT_EQ(with(R"(,"subject":"a\u0000b")"), "subject");
  EXPECT_EQ(with(R"(,"subject":")" + std::string(kMaxNameBytes + 1, 'x') + "\""), "subject");
  EXPECT_EQ(refused(R"({"time":"2026-01-01T00:00:00Z","kind":"k"})"), "id");
  EXPECT_EQ(refused(R"({"id":"","time":"2026-01-01T00:00:00Z","kind":"k"})"), "id");
  EXPECT_EQ(refused(R"({"id":"e","time":"yesterday","kind":"k"})"), "time");
  EXPECT_EQ(refused(R"({"id":"e","time":"1969-12-31T23:59:59Z","kind":"k"})"), "time");
  EXPECT_EQ(refused("[]"), "text");
  EXPECT_EQ(refused("{\"id\":"), "text");
  EXPECT_EQ(refused(""), "text");
}

TEST(EventJson, IntervalsMustAddUp) {
  const std::string begin = R"({"id":"i","unit":"u","start":"2026-01-01T00:00:00Z")";
  const auto with = [&begin](const std::string& more) {
    return refused(begin + more + "}", false);
  };
  EXPECT_EQ(with(""), "");
  EXPECT_EQ(with(R"(,"closed":true,"end":"2026-01-01T00:00:01Z","duration_ns":1000000000)"), "");
  EXPECT_EQ(with(R"(,"closed":true,"end":"2026-01-01T00:00:02Z","duration_ns":1000000000)"), "end");
  EXPECT_EQ(with(R"(,"closed":true,"duration_ns":1000000000)"), "end");
  EXPECT_EQ(with(R"(,"closed":true,"end":"2026-01-01T00:00:01Z")"), "duration_ns");
  EXPECT_EQ(with(R"(,"end":"2026-01-01T00:00:01Z")"), "closed");
  EXPECT_EQ(with(R"(,"closed":"yes")"), "closed");
}

TEST(EventJson, DepthAndLengthAreBounded) {
  EXPECT_EQ(event_from_json(std::string(100000, '[')).error().code(), ErrorCode::kLimit);
  std::string deep = R"({"id":"e","time":"2026-01-01T00:00:00Z","kind":"k","detail":)";
  for (int i = 0; i < 10000; ++i) deep += "{\"a\":";
  EXPECT_EQ(event_from_json(deep).error().code(), ErrorCode::kLimit);
  EXPECT_EQ(event_from_json(std::string(kMaxJsonBytes + 1, ' ')).error().code(), ErrorCode::kLimit);
}

}  // namespace
}  // namespace nines::ledger
