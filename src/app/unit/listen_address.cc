#include "app/unit/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "app/unit/printable.h"
#include "app/unit/value.h"

namespace nines::unit {
namespace {

Error invalid(std::string_view text, std::string detail) {
  return Error(ErrorCode::kInvalidArgument, "listen address", printable(text))
      .with_detail(std::move(detail));
}

Result<std::uint16_t> parse_port(std::string_view text) {
  const Result<std::int64_t> port = parse_integer(text, 1, 65535);
  if (!port) return invalid(text, fmt::format("'{}' is not a port", printable(text)));
  return static_cast<std::uint16_t>(*port);
}

Result<SocketListen> unix_address(SocketListen listen) {
  if (listen.text.size() >= sizeof(sockaddr_un::sun_path)) {
    return invalid(listen.text, "longer than the 107 bytes that a unix socket's path may have");
  }
  if (listen.text.size() < 2) return invalid(listen.text, "no name of a socket");
  listen.family = SocketListen::Family::kUnix;
  listen.address = listen.text;
  return listen;
}

Result<SocketListen> ipv6_address(SocketListen listen) {
  const std::string_view text = listen.text;
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos || close + 1 >= text.size() || text[close + 1] != ':') {
    return invalid(text, fmt::format("'{}' is not [ADDRESS]:PORT", printable(text)));
  }
  NINES_ASSIGN(listen.port, parse_port(text.substr(close + 2)));
  std::string_view address = text.substr(1, close - 1);
  if (const std::size_t percent = address.find('%'); percent != std::string_view::npos) {
    listen.interface = address.substr(percent + 1);
    address = address.substr(0, percent);
  }
  in6_addr bytes{};
  listen.address = address;
  if (::inet_pton(AF_INET6, listen.address.c_str(), &bytes) != 1) {
    return invalid(text, fmt::format("'{}' is not a numeric IPv6 address", address));
  }
  listen.family = SocketListen::Family::kInet6;
  return listen;
}

Result<SocketListen> ipv4_address(SocketListen listen, std::size_t colon) {
  NINES_ASSIGN(listen.port, parse_port(std::string_view(listen.text).substr(colon + 1)));
  listen.address = listen.text.substr(0, colon);
  in_addr bytes{};
  if (::inet_pton(AF_INET, listen.address.c_str(), &bytes) != 1) {
    return invalid(listen.text, fmt::format("'{}' is not a numeric IPv4 address", listen.address));
  }
  listen.family = SocketListen::Family::kInet;
  return listen;
}

}  // namespace

Result<SocketListen> parse_listen_address(SocketListen::Kind kind, std::string_view text) {
  SocketListen listen;
  listen.kind = kind;
  listen.text = text;
  if (kind == SocketListen::Kind::kFifo && !text.starts_with('/')) {
    return invalid(text, fmt::format("'{}' is not an absolute path", printable(text)));
  }
  if (kind == SocketListen::Kind::kFifo) {
    listen.family = SocketListen::Family::kUnix;
    listen.address = text;
    return listen;
  }
  if (text.starts_with('/') || text.starts_with('@')) return unix_address(std::move(listen));
  if (kind == SocketListen::Kind::kSeqpacket) {
    return invalid(text, "sequential packets exist for unix sockets only: /PATH or @NAME");
  }
  if (text.starts_with("vsock")) {
    return Error(ErrorCode::kUnsupported, "listen address", printable(text))
        .with_detail("nines does not listen on vsock");
  }
  if (text.starts_with('[')) return ipv6_address(std::move(listen));
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) return ipv4_address(std::move(listen), colon);
  NINES_ASSIGN(listen.port, parse_port(text));
  listen.family = SocketListen::Family::kInet6;
  listen.address = "::";
  return listen;
}

}  // namespace nines::unit
