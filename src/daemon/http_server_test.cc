#include "daemon/http_server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "api/client.h"
#include "api/codec.h"
#include "api/limits.h"
#include "daemon/raw_connection.h"
#include "daemon/test_server.h"

namespace nines::daemon {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

api::Client connect(const TestServer& server) {
  auto client = api::Client::connect(server.path());
  EXPECT_TRUE(client.has_value()) << client.error().message();
  return std::move(*client);
}

std::string talk(const TestServer& server, std::string_view request) {
  RawConnection raw(server.path());
  raw.send(request);
  return raw.read_all();
}

TEST(HttpServer, ListsAndShowsUnits) {
  TestServer server;
  server.on_loop([&] { server.backend.add("redis.service", api::UnitState::kRunning); });
  auto client = connect(server);
  const auto list = client.call(api::ListUnits{});
  ASSERT_TRUE(list.has_value()) << list.error().message();
  const auto units = api::decode_units(*list);
  ASSERT_TRUE(units.has_value());
  ASSERT_EQ(units->size(), 1u);
  EXPECT_EQ(units->front().main_pid, 4242);
  // The same connection goes on being usable.
  const auto one = client.call(api::GetUnit{"redis"});
  ASSERT_TRUE(one.has_value()) << one.error().message();
  EXPECT_EQ(api::decode_unit(*one)->name, "redis.service");
  const auto daemon = client.call(api::GetStatus{});
  ASSERT_TRUE(daemon.has_value());
  EXPECT_EQ(api::decode_daemon(*daemon)->units, 1u);
}

TEST(HttpServer, ErrorsKeepTheirCodeMessageAndHint) {
  TestServer server;
  const auto result = connect(server).call(api::GetUnit{"nothere"});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(result.error().message(), "unit nothere: no such unit");
  EXPECT_EQ(result.error().hint(), "looked in /etc/systemd/system");
}

TEST(HttpServer, ActsOnEachUnitAndSaysWhichFailed) {
  TestServer server;
  server.on_loop([&] {
    server.backend.add("a.service", api::UnitState::kStopped);
    server.backend.add("broken.service", api::UnitState::kStopped);
  });
  const auto body =
      connect(server).call(api::ActOnUnits{api::Verb::kStart, {"a", "broken", "none"}, {}, false});
  ASSERT_TRUE(body.has_value()) << body.error().message();
  const auto results = api::decode_unit_results(*body);
  ASSERT_TRUE(results.has_value());
  ASSERT_EQ(results->size(), 3u);
  EXPECT_TRUE((*results)[0].ok());
  EXPECT_EQ((*results)[1].error->code, ErrorCode::kIo);
  EXPECT_EQ((*results)[2].error->code, ErrorCode::kNotFound);
}

TEST(HttpServer, ASingleUnitsFailureIsTheReplysStatus) {
  TestServer server;
  server.on_loop([&] { server.backend.add("broken.service", api::UnitState::kStopped); });
  const auto reply = talk(server,
                          "POST /v1/units/broken/start HTTP/1.1\r\nHost: x\r\n"
                          "Connection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(reply, HasSubstr("exited with 203"));
}

TEST(HttpServer, WaitsForSlowVerbsAndForgetsClientsThatLeft) {
  TestServer server;
  server.on_loop([&] {
    server.backend.hold = true;
    server.backend.add("a.service", api::UnitState::kStopped);
  });
  RawConnection raw(server.path());
  raw.send("POST /v1/units/a/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  server.wait_until([&] { return server.backend.held.size() == 1; });
  EXPECT_EQ(server.on_loop([&] { return server.server->connections(); }), 1u);
  raw.close();
  server.wait_until([&] { return server.server->connections() == 0; });
  server.on_loop([&] { server.backend.held.front()(); });  // the answer finds nobody

  std::thread answers([&] {
    server.wait_until([&] { return server.backend.held.size() == 2; });
    server.on_loop([&] { server.backend.held.back()(); });
  });
  const auto body = connect(server).call(api::ActOnUnits{api::Verb::kStart, {"a"}, {}, true});
  answers.join();
  ASSERT_TRUE(body.has_value()) << body.error().message();
  EXPECT_EQ(api::decode_unit_result(*body)->message, "ready after 12.0 ms");
}

TEST(HttpServer, LoadsATransientUnit) {
  TestServer server;
  auto client = connect(server);
  EXPECT_TRUE(client.call(api::LoadUnit{"t.service", "[Service]\nExecStart=/bin/true\n"}));
  EXPECT_TRUE(client.call(api::GetUnit{"t.service"}));
  const auto refused = client.call(api::LoadUnit{"t.service", "nonsense"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
}

TEST(HttpServer, ReexecHappensAfterTheReply) {
  TestServer server;
  auto client = connect(server);
  EXPECT_TRUE(client.call(api::ReexecDaemon{}).has_value());
  server.wait_until([&] { return server.backend.reexecs == 1; });
  server.on_loop([&] { server.backend.reexec_refused = true; });
  EXPECT_EQ(client.call(api::ReexecDaemon{}).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(server.on_loop([&] { return server.backend.reexecs; }), 1);
}

TEST(HttpServer, MalformedRequestsAreRefusedInJson) {
  TestServer server;
  EXPECT_THAT(talk(server, "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(talk(server, "GET /v1/nowhere HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(talk(server, "DELETE /v1/units HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
  const auto typo = talk(server,
                         "POST /v1/units/a/start HTTP/1.1\r\nConnection: close\r\n"
                         "Content-Length: 16\r\n\r\n{\"no_blok\":true}");
  EXPECT_THAT(typo, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(typo, HasSubstr("'no_blok' is not a field"));
  EXPECT_THAT(typo, HasSubstr("\"code\":\"invalid-argument\""));
}

TEST(HttpServer, OversizeIsRefused) {
  TestServer server;
  const auto body = talk(server, fmt::format("POST /v1/units/load HTTP/1.1\r\n"
                                             "Content-Length: {}\r\n\r\n",
                                             api::kMaxRequestBody + 1));
  EXPECT_THAT(body, StartsWith("HTTP/1.1 413"));
  const auto header = talk(
      server, "GET /v1/units HTTP/1.1\r\nX: " + std::string(api::kMaxHeader, 'x') + "\r\n\r\n");
  EXPECT_THAT(header, StartsWith("HTTP/1.1 431"));
  // A client that writes it all before it reads gets the answer, too.
  auto refused = connect(server).call_raw(
      {"POST", "/v1/units/load", std::string(4 * api::kMaxRequestBody, ' ')});
  ASSERT_TRUE(refused.has_value()) << refused.error().message();
  EXPECT_EQ(refused->status, 413u);
}

TEST(HttpServer, AnUnfinishedRequestIsAnswered408AndTheIdleAreClosed) {
  HttpServerOptions options;
  options.request_timeout = std::chrono::milliseconds(50);
  options.idle_timeout = std::chrono::milliseconds(50);
  TestServer server(std::move(options));
  EXPECT_THAT(talk(server, "GET /v1/units HTT"), StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(talk(server, ""), "");
}

TEST(HttpServer, ServesRequestsThatCameTogetherAndExpectContinue) {
  TestServer server;
  const auto two = talk(server,
                        "GET /v1/status HTTP/1.1\r\n\r\n"
                        "GET /v1/units HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(two, HasSubstr("\"instance\":\"first\""));
  EXPECT_THAT(two, HasSubstr("\"units\":[]"));
  RawConnection raw(server.path());
  raw.send(
      "POST /v1/units/load HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 34\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_THAT(raw.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 100"));
  raw.send(R"({"name":"t","text":"[Service]\n"} )");
  EXPECT_THAT(raw.read_all(), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, FollowGivesHistoryThenWhatHappensOfThatUnitOnly) {
  TestServer server;
  server.on_loop([&] {
    server.backend.add("a.service", api::UnitState::kRunning);
    server.backend.add("b.service", api::UnitState::kRunning);
    for (int i = 0; i < 5; ++i) server.backend.emit(fmt::format("old.{}", i), "a.service");
  });
  std::vector<std::string> kinds;
  api::GetEvents get;
  get.follow = true;
  get.filter.unit = "a";
  get.filter.limit = 2;
  auto client = connect(server);
  const auto end = client.follow(get, [&](const api::StreamEvent& event) {
    EXPECT_EQ(event.name, "event");
    const auto decoded = api::decode_event(event.data);
    EXPECT_EQ(decoded->id, event.id);
    kinds.push_back(decoded->kind);
    if (kinds.size() == 2) {
      server.on_loop([&] {
        server.backend.emit("new.b", "b.service");
        server.backend.emit("new.a", "a.service");
      });
    }
    return kinds.size() < 3;
  });
  ASSERT_TRUE(end.has_value()) << end.error().message();
  EXPECT_EQ(*end, api::StreamEnd::kCallerStopped);
  EXPECT_THAT(kinds, testing::ElementsAre("old.3", "old.4", "new.a"));
}

TEST(HttpServer, FollowingLogsEndsWithTheClientAndWithTheServer) {
  TestServer server;
  server.on_loop([&] {
    server.backend.add("a.service", api::UnitState::kRunning);
    server.backend.write_line("a.service", "first \xff\x1b[31m");
  });
  {
    auto client = connect(server);
    const auto end = client.follow(api::GetLogs{"a", 10, true}, [&](const api::StreamEvent& event) {
      EXPECT_EQ(api::decode_log_line(event.data)->text, "first \xef\xbf\xbd\x1b[31m");
      EXPECT_EQ(server.on_loop([&] { return server.backend.subscriptions(); }), 1u);
      return false;
    });
    ASSERT_TRUE(end.has_value());
  }
  server.wait_until([&] { return server.backend.subscriptions() == 0; });

  auto client = connect(server);
  const auto end = client.follow(api::GetLogs{"a", 10, true}, [&](const api::StreamEvent&) {
    server.on_loop([&] { server.server.reset(); });
    return true;
  });
  ASSERT_TRUE(end.has_value()) << end.error().message();
  EXPECT_EQ(*end, api::StreamEnd::kServerClosed);
  EXPECT_EQ(server.on_loop([&] { return server.backend.subscriptions(); }), 0u);
}

TEST(HttpServer, FollowingWhatDoesNotExistIsAnOrdinaryError) {
  TestServer server;
  const auto end = connect(server).follow(api::GetLogs{"none", 10, true},
                                          [](const api::StreamEvent&) { return true; });
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().code(), ErrorCode::kNotFound);
}

/// Emits until the queue and the kernel's socket buffers are full, and the stream gives up.
void flood(TestServer& server) {
  server.wait_until([&] {
    for (int i = 0; i < 100; ++i) server.backend.emit("storm", "a.service");
    return server.backend.subscriptions() == 0;
  });
}

TEST(HttpServer, ASlowFollowerGetsALastEventAndIsDropped) {
  HttpServerOptions options;
  options.stream_queue_bytes = 64 * 1024;
  options.drain_timeout = std::chrono::minutes(10);  // this reader comes late, but it comes
  TestServer server(std::move(options));
  RawConnection raw(server.path());
  raw.send("GET /v1/events?follow=1 HTTP/1.1\r\n\r\n");
  raw.read_until("\r\n\r\n");
  flood(server);
  const std::string all = raw.read_all();
  EXPECT_LT(all.size(), std::size_t{2} << 20);
  const auto last = all.substr(all.rfind("event: "));
  EXPECT_THAT(last, HasSubstr("event: error"));
  EXPECT_THAT(last, HasSubstr("\"code\":\"limit\""));
  server.wait_until([&] { return server.server->connections() == 0; });
}

TEST(HttpServer, AFollowerThatNeverReadsIsClosedInTheEnd) {
  HttpServerOptions options;
  options.stream_queue_bytes = 64 * 1024;
  options.drain_timeout = std::chrono::milliseconds(50);
  TestServer server(std::move(options));
  RawConnection raw(server.path());
  raw.send("GET /v1/events?follow=1 HTTP/1.1\r\n\r\n");
  raw.read_until("\r\n\r\n");
  flood(server);
  server.wait_until([&] { return server.server->connections() == 0; });
}

TEST(HttpServer, TooManyConnectionsAreToldSo) {
  HttpServerOptions options;
  options.max_connections = 2;
  TestServer server(std::move(options));
  RawConnection first(server.path());
  RawConnection second(server.path());
  server.wait_until([&] { return server.server->connections() == 2; });
  const auto refused = connect(server).call(api::GetStatus{});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kLimit);
  first.close();
  server.wait_until([&] { return server.server->connections() == 1; });
  EXPECT_TRUE(connect(server).call(api::GetStatus{}).has_value());
}

TEST(HttpServer, ASuccessorTakesTheListenerOver) {
  TestServer server;
  auto listener = server.on_loop([&] { return server.server->release_listener(); });
  ASSERT_TRUE(listener.has_value());
  server.on_loop([&] { server.server.reset(); });
  // Nobody serves, yet a client is not refused: it waits in the backlog.
  RawConnection raw(server.path());
  raw.send("GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n");
  HttpServerOptions options;
  options.socket_path = server.path();
  options.listener = std::move(*listener);
  server.on_loop(
      [&] { server.server = *HttpServer::start(server.io(), server.backend, std::move(options)); });
  EXPECT_THAT(raw.read_all(), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, RemovesItsSocketAndReplacesAStaleOne) {
  std::string path;
  {
    TestServer server;
    path = server.path();
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u);
    server.on_loop([&] { server.server.reset(); });
    EXPECT_NE(::stat(path.c_str(), &info), 0);

    // What a killed daemon leaves behind.
    auto stale = bind_api_socket(path, std::nullopt);
    ASSERT_TRUE(stale.has_value());
    stale->reset();
    EXPECT_FALSE(api::Client::connect(path).has_value());
    auto fresh = bind_api_socket(path, std::nullopt);
    ASSERT_TRUE(fresh.has_value()) << fresh.error().message();
    EXPECT_TRUE(api::Client::connect(path).has_value());
  }
}

TEST(BindApiSocket, RefusesAPathThatIsTooLong) {
  const auto bound = bind_api_socket("/tmp/" + std::string(200, 'x'), std::nullopt);
  ASSERT_FALSE(bound.has_value());
  EXPECT_EQ(bound.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(bound.error().hint(), HasSubstr("--runtime-dir"));
}

}  // namespace
}  // namespace nines::daemon
