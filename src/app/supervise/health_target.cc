#include "app/supervise/health_target.h"

#include <fmt/format.h>

#include <netdb.h>
#include <sys/un.h>

#include <cstring>

namespace nines::supervise {
namespace {

using Address = std::pair<sockaddr_storage, socklen_t>;

Result<Address> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof address.sun_path) {
    return Error(ErrorCode::kInvalidArgument, "health check", "unix:" + path)
        .with_detail("the path is too short or too long");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  socklen_t size = sizeof address;
  if (path.front() == '@') {
    address.sun_path[0] = '\0';
    // The name of an abstract socket is as long as the address says, unlike a path.
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  }
  Address out{};
  std::memcpy(&out.first, &address, sizeof address);
  out.second = size;
  return out;
}

Result<Address> numeric_address(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return Error(ErrorCode::kInvalidArgument, "health check", host)
        .with_detail("not a numeric address")
        .with_hint("write a numeric IPv4 or IPv6 address, localhost, or unix:/path");
  }
  Address out{};
  std::memcpy(&out.first, found->ai_addr, found->ai_addrlen);
  out.second = found->ai_addrlen;
  ::freeaddrinfo(found);
  return out;
}

}  // namespace

Result<HealthTarget> resolve_health_target(const std::string& host, std::uint16_t port) {
  HealthTarget target;
  if (host.starts_with("unix:")) {
    NINES_ASSIGN(auto address, unix_address(host.substr(5)));
    target.addresses.push_back(address);
    target.text = host;
    target.http_host = "localhost";
    return target;
  }
  if (port == 0) {
    return Error(ErrorCode::kInvalidArgument, "health check", host).with_detail("needs a port");
  }
  std::string bare = host;
  if (bare.starts_with('[') && bare.ends_with(']')) bare = bare.substr(1, bare.size() - 2);
  const std::vector<std::string> candidates =
      bare == "localhost" ? std::vector<std::string>{"::1", "127.0.0.1"} : std::vector{bare};
  for (const std::string& candidate : candidates) {
    NINES_ASSIGN(auto address, numeric_address(candidate, port));
    target.addresses.push_back(address);
  }
  const bool v6 = bare.find(':') != std::string::npos;
  target.text = v6 ? fmt::format("[{}]:{}", bare, port) : fmt::format("{}:{}", bare, port);
  target.http_host = target.text;
  return target;
}

}  // namespace nines::supervise
