#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/raw_connection.h"
#include "daemon/test_server.h"

namespace nines::daemon {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(HttpResume, AFollowerGoesOnAfterTheLastEventItSaw) {
  TestServer server;
  std::vector<std::string> ids;
  server.on_loop([&] {
    server.backend.add("a.service", api::UnitState::kRunning);
    for (int i = 0; i < 5; ++i) server.backend.emit(fmt::format("old.{}", i), "a.service");
    for (const auto& event : server.backend.history) ids.push_back(event.id);
  });
  for (const bool as_field : {true, false}) {
    RawConnection raw(server.path());
    raw.send(as_field ? "GET /v1/events?follow=1&limit=1 HTTP/1.1\r\nLast-Event-ID: " + ids[2] +
                            "\r\n\r\n"
                      : "GET /v1/events?follow=1&limit=1&after=" + ids[2] + " HTTP/1.1\r\n\r\n");
    const std::string answer = raw.read_until("old.4");
    EXPECT_THAT(answer, HasSubstr("id: " + ids[3]));
    EXPECT_THAT(answer, Not(HasSubstr("old.2")));
  }
  RawConnection unknown(server.path());
  unknown.send("GET /v1/events?follow=1 HTTP/1.1\r\nLast-Event-ID: none\r\n\r\n");
  EXPECT_THAT(unknown.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 404"));
  RawConnection strange(server.path());
  strange.send("GET /v1/events?follow=1&after= HTTP/1.1\r\n\r\n");
  EXPECT_THAT(strange.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 400"));
}

}  // namespace
}  // namespace nines::daemon
