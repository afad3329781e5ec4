// What several of the sacrificial programs need: sd_notify, memory that costs something to tear
// down, inherited sockets. Nothing here depends on the project: a target that shared code with
// the supervisor would also share its mistakes.
#pragma once

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace target {

/// Exit codes: sysexits(3), so that a wrong use is never taken for a behaviour under test.
inline constexpr int kUsage = 64;
inline constexpr int kOsError = 71;

[[noreturn]] inline void die(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(kOsError);
}

[[noreturn]] inline void usage(const char* text) {
  std::fprintf(stderr, "usage: %s\n", text);
  std::exit(kUsage);
}

/// @return the value of a whole decimal number; anything else ends the program.
inline long number(const char* text) {
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0') {
    std::fprintf(stderr, "not a number: %s\n", text);
    std::exit(kUsage);
  }
  return value;
}

/// Sends one sd_notify message, with `fd` attached when it is not negative.
/// @return false when NOTIFY_SOCKET is not set; any other failure ends the program.
/// @source sd_notify(3)
inline bool notify(const std::string& message, int fd = -1) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) {
    errno = EINVAL;
    die("NOTIFY_SOCKET");
  }
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';

  iovec part{const_cast<char*>(message.data()), message.size()};
  msghdr header{};
  header.msg_name = &address;
  header.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  const int sock = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sock < 0) die("socket");
  if (::sendmsg(sock, &header, MSG_NOSIGNAL) < 0) die("sendmsg NOTIFY_SOCKET");
  ::close(sock);
  return true;
}

/// @return how many descriptors were handed over from 3 on, 0 when they are not meant for us.
/// @source sd_listen_fds(3)
inline int inherited_fds() {
  const char* pid = std::getenv("LISTEN_PID");
  const char* fds = std::getenv("LISTEN_FDS");
  if (pid == nullptr || fds == nullptr) return 0;
  if (number(pid) != ::getpid()) return 0;
  return static_cast<int>(number(fds));
}

/// @return the name of inherited descriptor `index` (LISTEN_FDNAMES), "" when there is none.
inline std::string inherited_name(int index) {
  const char* names = std::getenv("LISTEN_FDNAMES");
  if (names == nullptr) return "";
  std::string rest = names;
  for (; index > 0; --index) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string::npos) return "";
    rest.erase(0, colon + 1);
  }
  return rest.substr(0, rest.find(':'));
}

/// Maps and writes `mib` MiB page by page: 4 KiB pages even where huge pages are the default,
/// since the cost of tearing them down is what the memory is for.
/// @return the mapping, or nullptr when there is no memory.
inline void* fill_memory(std::size_t mib) {
  const std::size_t bytes = mib << 20;
  if (bytes == 0) return nullptr;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  ::madvise(memory, bytes, MADV_NOHUGEPAGE);
  for (std::size_t offset = 0; offset < bytes; offset += 4096) {
    const std::uint64_t value = offset * 2654435761U + 1;  // not zero: neither merged nor elided
    std::memcpy(static_cast<char*>(memory) + offset, &value, sizeof value);
  }
  return memory;
}

/// Writes all of `text`, or ends the program.
inline void write_all(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) die("write");
    done += static_cast<std::size_t>(n);
  }
}

[[noreturn]] inline void wait_forever() {
  for (;;) ::pause();
}

}  // namespace target
