#include "api/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/target.h"

namespace nines::api {
namespace {

using testing::HasSubstr;

ErrorCode error_of(std::string_view method, std::string_view target, std::string_view body = "") {
  const auto request = decode_request(method, target, body);
  EXPECT_FALSE(request.has_value()) << method << ' ' << target << ' ' << body;
  return request ? ErrorCode::kInternal : request.error().code();
}

template <typename T>
T decoded(std::string_view method, std::string_view target, std::string_view body = "") {
  const auto request = decode_request(method, target, body);
  EXPECT_TRUE(request.has_value()) << request.error().message();
  return std::get<T>(*request);
}

TEST(Request, ReadsWhatItSays) {
  decoded<GetStatus>("GET", "/v1/status");
  decoded<ListUnits>("GET", "/v1/units");
  EXPECT_EQ(decoded<GetUnit>("GET", "/v1/units/postgresql%4015-main.service").name,
            "postgresql@15-main.service");
  const auto logs = decoded<GetLogs>("GET", "/v1/units/a/logs?lines=7&follow=1");
  EXPECT_EQ(logs.lines, 7u);
  EXPECT_TRUE(logs.follow);
  const auto events =
      decoded<GetEvents>("GET", "/v1/events?unit=a&since=2026-11-22T22:08:01.5Z&limit=3");
  EXPECT_EQ(events.filter.unit, "a");
  EXPECT_EQ(events.filter.since->ns, 1795385281'500'000'000);
  EXPECT_EQ(events.filter.limit, 3u);
  EXPECT_FALSE(events.follow);
}

TEST(Request, AsksWhy) {
  const auto all = decoded<GetWhy>("GET", "/v1/why");
  EXPECT_EQ(all.unit, "");
  EXPECT_FALSE(all.since);
  const auto one = decoded<GetWhy>("GET", "/v1/why?unit=a.service&since=2026-11-22T22:08:01.5Z");
  EXPECT_EQ(one.unit, "a.service");
  EXPECT_EQ(one.since->ns, 1795385281'500'000'000);
  EXPECT_EQ(decoded<GetStory>("GET", "/v1/why?event=0123-unit.exit").event, "0123-unit.exit");
  EXPECT_EQ(error_of("GET", "/v1/why?event="), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/why?event=" + std::string(257, 'a')), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", std::string("/v1/why?event=a\0b", 17)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/why?event=a&unit=b"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/why?unit=%2e%2e/x"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/why"), ErrorCode::kUnsupported);
  for (const Request& request : {Request(GetWhy{}), Request(one), Request(GetStory{"a b&c=%d"})}) {
    EXPECT_FALSE(alters(request));
    const EncodedRequest encoded = encode_request(request);
    const auto again = decode_request(encoded.method, encoded.target, encoded.body);
    ASSERT_TRUE(again) << encoded.target;
    EXPECT_EQ(encode_request(*again).target, encoded.target);
  }
}

TEST(Request, ReadsVerbsInBothForms) {
  const auto single = decoded<ActOnUnits>("POST", "/v1/units/a/reset-failed");
  EXPECT_EQ(single.verb, Verb::kResetFailed);
  EXPECT_TRUE(single.single);
  EXPECT_FALSE(single.options.no_block);
  const auto several =
      decoded<ActOnUnits>("POST", "/v1/units/stop", R"({"units":["a","b"],"no_block":true})");
  EXPECT_EQ(several.units, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(several.options.no_block);
  // A unit may be called as a verb is.
  EXPECT_EQ(decoded<GetUnit>("GET", "/v1/units/start").name, "start");
}

TEST(Request, AlteringIsWhatPosts) {
  EXPECT_FALSE(alters(GetStatus{}));
  EXPECT_FALSE(alters(GetLogs{}));
  EXPECT_TRUE(alters(ActOnUnits{}));
  EXPECT_TRUE(alters(LoadUnit{}));
  EXPECT_TRUE(alters(ReexecDaemon{}));
}

TEST(Request, NothingIsSilentlyIgnored) {
  EXPECT_EQ(error_of("GET", "/v1/events?lmit=3"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/units?follow=1"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/status", "{}"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/daemon/reexec", "{}"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/a/start", R"({"noblock":true})"),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/a/start?no_block=1"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/a/start", R"({"units":["b"]})"),
            ErrorCode::kInvalidArgument);
}

TEST(Request, TypesAndBoundsAreChecked) {
  EXPECT_EQ(error_of("GET", "/v1/units/a/logs?lines=10001"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/units/a/logs?lines=-1"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/units/a/logs?lines="), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/units/a/logs?follow=yes"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/events?since=yesterday"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/events?after="), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/events?after=a%0Ab"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/events?after=" + std::string(257, 'a')),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("GET", "/v1/events?since=9999-01-01T00:00:00Z"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/start", R"({"units":"a"})"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/start", R"({"units":[]})"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/start", R"({"units":[1]})"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/start", R"({"units":["a/b"]})"),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/start", ""), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/start", "[]"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/start", std::string(100'000, '[')),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/load", R"({"name":"../x","text":""})"),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of("POST", "/v1/units/load", R"({"name":"x"})"), ErrorCode::kInvalidArgument);
}

TEST(Request, AnotherVersionIsNotGuessedAt) {
  EXPECT_EQ(error_of("POST", "/v1/units/a/start", R"({"api":2})"), ErrorCode::kUnsupported);
  decoded<ActOnUnits>("POST", "/v1/units/a/start", R"({"api":1})");
}

TEST(Request, RoutesAndMethods) {
  EXPECT_EQ(error_of("GET", "/"), ErrorCode::kNotFound);
  EXPECT_EQ(error_of("GET", "/v2/status"), ErrorCode::kNotFound);
  EXPECT_EQ(error_of("GET", "/v1/units/a/start/now"), ErrorCode::kNotFound);
  EXPECT_EQ(error_of("POST", "/v1/units/a/explode"), ErrorCode::kNotFound);
  EXPECT_EQ(error_of("GET", "/v1/units/a/start"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("POST", "/v1/status"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("POST", "/v1/units/redis"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("PUT", "/v1/units"), ErrorCode::kUnsupported);
}

TEST(Request, TargetsAreTakenApartStrictly) {
  const auto target = parse_target("/a%20b/c?x=%26&y");
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->path, (std::vector<std::string>{"a b", "c"}));
  EXPECT_EQ(target->query[0].second, "&");
  EXPECT_EQ(target->query[1].second, "");
  for (const std::string bad : {"", "a", "//a", "/a//b", "/a/", "/%", "/%4", "/%zz", "/%00",
                                "/a%2fb", "/a?x=1&x=2", "/a?=1", "/a?%"}) {
    EXPECT_FALSE(parse_target(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_target("/" + std::string(kMaxTarget, 'a')).error().code(), ErrorCode::kLimit);
}

TEST(Request, EncodesWhatItDecodes) {
  GetEvents events;
  events.filter = {"a@b.service", UtcTime{1'500'000'000}, 0, "0192"};
  events.follow = true;
  const std::vector<Request> requests = {
      GetStatus{},
      ListUnits{},
      GetUnit{"a@\\x2d.service"},
      GetLogs{"a", 0, true},
      events,
      ActOnUnits{Verb::kKeep, {"a", "b"}, {true}, false},
      ActOnUnits{Verb::kUnkeep, {"a"}, {}, true},
      LoadUnit{"t.service", "[Service]\nExecStart=/bin/echo \"\x01ü\"\n"},
      ReexecDaemon{}};
  for (const Request& request : requests) {
    const EncodedRequest encoded = encode_request(request);
    const auto again = decode_request(encoded.method, encoded.target, encoded.body);
    ASSERT_TRUE(again.has_value()) << encoded.target << again.error().message();
    EXPECT_EQ(again->index(), request.index());
    EXPECT_EQ(encode_request(*again).target, encoded.target);
    EXPECT_EQ(encode_request(*again).body, encoded.body);
  }
}

TEST(UnitName, AsSystemdTakesThem) {
  EXPECT_TRUE(valid_unit_name("postgresql@15-main.service"));
  EXPECT_TRUE(valid_unit_name("dev-disk-by\\x2dlabel.mount"));
  EXPECT_TRUE(valid_unit_name(std::string(255, 'a')));
  for (const std::string bad : {"", ".", "..", "a/b", "a b", "ü", "a\n"}) {
    EXPECT_FALSE(valid_unit_name(bad)) << bad;
  }
  EXPECT_FALSE(valid_unit_name(std::string(256, 'a')));
}

}  // namespace
}  // namespace nines::api
