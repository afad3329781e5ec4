#include "app/supervise/http_status.h"

#include <gtest/gtest.h>

namespace nines::supervise {
namespace {

std::optional<int> status_of(std::string_view bytes) {
  auto status = parse_http_status(bytes);
  EXPECT_TRUE(status) << status.error().message();
  return status ? *status : std::nullopt;
}

TEST(HttpStatus, FinalResponses) {
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\r\n"), 200);
  EXPECT_EQ(status_of("HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nbody"), 404);
  EXPECT_EQ(status_of("HTTP/1.1 503\r\n"), 503);
  EXPECT_EQ(status_of("HTTP/1.1 204 \r\n"), 204);
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\n"), 200);
  EXPECT_EQ(status_of("HTTP/1.1 200 Sch\xf6n\r\n"), 200);  // obs-text
}

TEST(HttpStatus, EveryPrefixNeedsMore) {
  const std::string_view line = "HTTP/1.1 200 OK\r";
  for (std::size_t n = 0; n <= line.size(); ++n) {
    EXPECT_EQ(status_of(line.substr(0, n)), std::nullopt) << n;
  }
}

TEST(HttpStatus, SkipsInterimResponses) {
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  EXPECT_EQ(status_of(hints), std::nullopt);
  EXPECT_EQ(status_of(hints.substr(0, hints.size() - 1)), std::nullopt);
  EXPECT_EQ(status_of(hints + "HTTP/1.1 100 Continue\n\nHTTP/1.1 500 No\r\n"), 500);
}

TEST(HttpStatus, HostileBytes) {
  using namespace std::string_view_literals;
  for (const auto bytes : {
           "SSH-2.0-OpenSSH\r\n"sv,
           "\0"sv,
           "\r\n"sv,
           "http/1.1 200 OK\r\n"sv,
           "HTTP/2 200\r\n"sv,
           "HTTP/1.x 200 OK\r\n"sv,
           "HTTP/1.10 200 OK\r\n"sv,
           "HTTP/1.1  200 OK\r\n"sv,
           "HTTP/1.1\t200 OK\r\n"sv,
           "HTTP/1.1 2000 OK\r\n"sv,
           "HTTP/1.1 20 OK\r\n"sv,
           "HTTP/1.1 -20 OK\r\n"sv,
           "HTTP/1.1 099 Low\r\n"sv,
           "HTTP/1.1 600 High\r\n"sv,
           "HTTP/1.1 999 High\r\n"sv,
           "HTTP/1.1 200OK\r\n"sv,
           "HTTP/1.1 200 O\0K\r\n"sv,
           "HTTP/1.1 200 O\rK\r\n"sv,
           "HTTP/1.1 200 \x1b[2J\r\n"sv,
           "HTTP/1.1 200 \x7f\r\n"sv,
           "HTTP/1.1 2\n"sv,
           "HTTP/1.1 100 Go\r\n\r\nrubbish"sv,
       }) {
    const auto status = parse_http_status(bytes);
    ASSERT_FALSE(status) << bytes;
    EXPECT_EQ(status.error().code(), ErrorCode::kCorrupt) << bytes;
  }
}

TEST(HttpStatus, RefusesEarlyAndBounded) {
  EXPECT_FALSE(parse_http_status("X"));  // one wrong byte is enough
  const std::string start = "HTTP/1.1 200 ";
  EXPECT_EQ(status_of(start + std::string(kMaxStatusLineBytes - start.size() - 1, 'x')),
            std::nullopt);
  EXPECT_FALSE(parse_http_status(start + std::string(kMaxStatusLineBytes - start.size(), 'x')));
  EXPECT_FALSE(parse_http_status(start + std::string(kMaxStatusLineBytes, 'x') + "\r\n"));
}

}  // namespace
}  // namespace nines::supervise
