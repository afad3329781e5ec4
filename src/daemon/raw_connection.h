// For tests of the server: a client that need not be a proper one.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace nines::daemon {

/// A socket that says what no proper client would.
class RawConnection {
 public:
  explicit RawConnection(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
  }
  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the server has answered already and does not read on
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// Everything until the server closes.
  std::string read_all() {
    std::string all;
    char chunk[4096];
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), chunk, sizeof chunk, 0);
      if (got <= 0) return all;
      all.append(chunk, static_cast<std::size_t>(got));
    }
  }
  /// Until `text` was seen, or the end.
  std::string read_until(std::string_view text) {
    std::string all;
    char byte = 0;
    while (all.find(text) == std::string::npos && ::recv(fd_.get(), &byte, 1, 0) == 1) all += byte;
    return all;
  }
  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

}  // namespace nines::daemon
