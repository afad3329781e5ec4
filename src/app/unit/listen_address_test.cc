#include "app/unit/listen_address.h"

#include <gtest/gtest.h>

namespace nines::unit {
namespace {

using Kind = SocketListen::Kind;
using Family = SocketListen::Family;

SocketListen parse(std::string_view text, Kind kind = Kind::kStream) {
  auto parsed = parse_listen_address(kind, text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? *parsed : SocketListen{};
}

TEST(ListenAddress, EveryForm) {
  EXPECT_EQ(parse("/run/x.sock").family, Family::kUnix);
  EXPECT_EQ(parse("@abstract").address, "@abstract");
  EXPECT_EQ(parse("127.0.0.1:6379").address, "127.0.0.1");
  EXPECT_EQ(parse("127.0.0.1:6379").port, 6379);
  EXPECT_EQ(parse("[::1]:80").address, "::1");
  EXPECT_EQ(parse("[fe80::1%eth0]:80").interface, "eth0");
  EXPECT_EQ(parse("80").address, "::");
  EXPECT_EQ(parse("/run/fifo", Kind::kFifo).address, "/run/fifo");
}

TEST(ListenAddress, WrongOnes) {
  for (const char* wrong : {"", "0", "65536", "host:80", "1.2.3:80", "[::1]", "[::1]80", "[]:80",
                            "[zz]:80", "@", "/"}) {
    EXPECT_FALSE(parse_listen_address(Kind::kStream, wrong)) << wrong;
  }
  EXPECT_FALSE(parse_listen_address(Kind::kSeqpacket, "80"));
  EXPECT_FALSE(parse_listen_address(Kind::kFifo, "fifo"));
  EXPECT_FALSE(parse_listen_address(Kind::kStream, "/" + std::string(107, 'x')));
  EXPECT_EQ(parse_listen_address(Kind::kStream, "vsock::1").error().code(),
            ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace nines::unit
