#include "api/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "api/sse_parser.h"

namespace nines::api {
namespace {

using testing::HasSubstr;

UnitStatus full_unit() {
  UnitStatus unit;
  unit.name = "redis-server.service";
  unit.description = "Advanced key-value store";
  unit.state = UnitState::kWaitingRestart;
  unit.sub_state = "restart 3 in 1.6 s";
  unit.main_pid = 4242;
  unit.standby_pid = 4243;
  unit.since = UtcTime{1795385281'123'456'789};
  unit.uptime = Nanoseconds(77);
  unit.restarts = 3;
  unit.last_exit = "killed by SIGSEGV";
  unit.last_recovery_ms = 12.5;
  unit.health = Health::kFailing;
  unit.health_detail = "refused";
  unit.memory = Bytes{std::uint64_t{1} << 40};
  unit.cpu_usec = 5;
  unit.tasks = 6;
  unit.listeners = {"127.0.0.1:6379"};
  unit.fd_store = 2;
  unit.availability_24h = 0.99981;
  unit.availability_target = 0.9999;
  unit.downtime = OpenDowntime{UtcTime{5}, true, "abc"};
  unit.kept = true;
  unit.files = {"/lib/systemd/system/redis-server.service"};
  return unit;
}

TEST(Codec, UnitsSurviveTheRoundTrip) {
  const std::string text = encode(full_unit());
  EXPECT_THAT(text, HasSubstr("\"since\":\"2026-11-22T22:08:01.123Z\""));
  const auto again = decode_unit(text);
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(encode(*again), text);
  EXPECT_EQ(again->since->ns, 1795385281'123'456'789);
  EXPECT_EQ(again->downtime->cause_event, "abc");
  const auto list = decode_units(encode(std::vector{full_unit(), UnitStatus{}}));
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(encode((*list)[1]), encode(UnitStatus{}));
}

TEST(Codec, WhatIsNotKnownIsAbsentAndNotZero) {
  const std::string text = encode(UnitStatus{});
  for (const char* key : {"main_pid", "memory_bytes", "uptime_ns", "availability_24h", "downtime",
                          "last_recovery_ms", "since"}) {
    EXPECT_THAT(text, testing::Not(HasSubstr(key))) << key;
  }
}

TEST(Codec, AnOlderClientReadsANewerDaemon) {
  const auto unit = decode_unit(
      R"({"api":1,"name":"a","state":"running","load":"loaded","health":"ok","novelty":{"x":[1]}})");
  ASSERT_TRUE(unit.has_value()) << unit.error().message();
  EXPECT_EQ(unit->state, UnitState::kRunning);
}

TEST(Codec, WrongTypesAreCorrupt) {
  const std::string head = R"({"api":1,"name":"a","load":"loaded","health":"ok",)";
  EXPECT_TRUE(decode_unit(head + R"("state":"stopped"})").has_value());
  for (const std::string bad :
       {R"("state":"sleeping"})", R"("state":7})", R"("state":"stopped","main_pid":"7"})",
        R"("state":"stopped","main_pid":99999999999})", R"("state":"stopped","restarts":-1})",
        R"("state":"stopped","tasks":18446744073709551616})", R"("state":"stopped","files":[7]})",
        R"("state":"stopped","downtime":[]})", R"("state":"stopped"]})"}) {
    const auto unit = decode_unit(head + bad);
    ASSERT_FALSE(unit.has_value()) << bad;
    EXPECT_EQ(unit.error().code(), ErrorCode::kCorrupt) << bad;
  }
  EXPECT_EQ(decode_unit(R"({"api":2,"name":"a"})").error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(decode_unit(R"({"name":"a"})").error().code(), ErrorCode::kCorrupt);
}

TEST(Codec, DaemonsSurviveTheRoundTrip) {
  DaemonStatus daemon;
  daemon.version = "0.1.0";
  daemon.instance = "x";
  daemon.pid = 7;
  daemon.keeper_pid = 6;
  daemon.started = UtcTime{8};
  daemon.uptime = Nanoseconds(9);
  daemon.ledger_ok = false;
  daemon.ledger_detail = "disk full";
  daemon.features = {{"pidfd", true, ""}, {"cgroup-kill", false, "kernel 5.10"}};
  const auto again = decode_daemon(encode(daemon));
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(encode(*again), encode(daemon));
}

TEST(Codec, EventsSurviveAndTheirDetailIsAnObject) {
  ledger::Event event;
  event.id = "1";
  event.time = UtcTime{3};
  event.since_boot = BootTime{4};
  event.cell = ledger::Cell::kOsPlanned;
  event.kind = "unit.exit";
  event.subject = "a.service";
  event.severity = ledger::Severity::kError;
  event.detail_json = R"({"signal":"SIGSEGV"})";
  event.caused_by = "0";
  const auto again = decode_event(encode(event));
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(encode(*again), encode(event));
  EXPECT_EQ(again->cell, ledger::Cell::kOsPlanned);
  event.detail_json = "torn";
  EXPECT_EQ(decode_event(encode(event))->detail_json, R"({"text":"torn"})");
}

TEST(Codec, LogLinesOfAnyBytesBecomeValidJson) {
  const LogLine line{UtcTime{5}, "out", std::string("a\xff\0b", 4)};
  const auto again = decode_log_lines(encode(std::vector{line}));
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(again->front().text, std::string("a\xef\xbf\xbd\0b", 6));
}

TEST(Codec, ErrorsKeepEveryCode) {
  std::set<std::string_view> words;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const Error error = Error(code, "do", "it").with_detail("why").with_hint("then");
    const auto body = decode_error(encode(ErrorBody::from(error)));
    ASSERT_TRUE(body.has_value());
    EXPECT_EQ(body->to_error().code(), code);
    EXPECT_EQ(body->to_error().message(), "do it: why");
    EXPECT_EQ(body->to_error().hint(), "then");
    EXPECT_GE(http_status(code), 400u);
    EXPECT_TRUE(words.insert(to_string(code)).second);
  }
  EXPECT_EQ(decode_error(R"({"api":1,"error":{"code":"novel","message":"m"}})")->code,
            ErrorCode::kInternal);
}

TEST(Codec, ResultsMustNotContradictThemselves) {
  const UnitResult failed{"a", ErrorBody{ErrorCode::kTimeout, "m", "h"}, "", {"w"}};
  const auto again = decode_unit_results(encode(std::vector{failed}));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->front().error->code, ErrorCode::kTimeout);
  EXPECT_EQ(again->front().warnings, failed.warnings);
  EXPECT_FALSE(decode_unit_result(R"({"api":1,"unit":"a","ok":false})").has_value());
}

TEST(SseParser, CutsWhereverTheBytesAreCut) {
  const std::string stream =
      ": hello\r\nid: 1\nevent: event\ndata: {\"a\":\ndata: 1}\n\nevent:log\r\ndata:x\r\n\r\n\n\n";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    SseParser parser;
    std::vector<StreamEvent> events;
    const auto collect = [&](const StreamEvent& event) {
      events.push_back(event);
      return true;
    };
    EXPECT_TRUE(*parser.feed(stream.substr(0, cut), collect));
    EXPECT_TRUE(*parser.feed(stream.substr(cut), collect));
    ASSERT_EQ(events.size(), 2u) << cut;
    EXPECT_EQ(events[0].name, "event");
    EXPECT_EQ(events[0].id, "1");
    EXPECT_EQ(events[0].data, "{\"a\":\n1}");
    EXPECT_EQ(events[1].name, "log");
    EXPECT_EQ(events[1].data, "x");
  }
}

TEST(SseParser, StopsWhenToldTo) {
  SseParser parser;
  int seen = 0;
  EXPECT_FALSE(*parser.feed("data: 1\n\ndata: 2\n\n", [&](const StreamEvent&) {
    ++seen;
    return false;
  }));
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace nines::api
