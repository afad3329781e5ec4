#include "trace/file_server.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "sys/file.h"

namespace nines::trace {
namespace {

constexpr std::size_t kMaxRequest = 8192;
constexpr std::string_view kDebugRoot = "/usr/lib/debug";

UniqueFd open_elf(const std::string& path) {
  if (path.empty() || path.front() != '/') return {};
  // O_NONBLOCK: the name may be that of a FIFO or of a device.
  auto file = sys::open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat info{};
  std::array<char, SELFMAG> magic{};
  if (!file || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      ::pread(file->get(), magic.data(), magic.size(), 0) != SELFMAG ||
      std::memcmp(magic.data(), ELFMAG, SELFMAG) != 0) {
    return {};
  }
  return std::move(*file);
}

UniqueFd open_by_build_id(std::string_view id) {
  const bool valid = id.size() > 2 && std::all_of(id.begin(), id.end(), [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                     });
  if (!valid) return {};
  std::string path(kDebugRoot);
  path.append("/.build-id/").append(id.substr(0, 2)).append("/").append(id.substr(2));
  return open_elf(path + ".debug");
}

/// @source gdb manual, "Separate Debug Files"
UniqueFd open_by_link(std::string_view text) {
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos) return {};
  const std::string program(text.substr(0, end));
  const std::string name(text.substr(end + 1));
  const std::size_t slash = program.rfind('/');
  if (slash == std::string::npos || name.empty() || name.find('/') != std::string::npos) return {};
  const std::string directory = program.substr(0, slash + 1);
  for (const std::string& path : {directory + name, directory + ".debug/" + name,
                                  std::string(kDebugRoot) + directory + name}) {
    if (path == program) continue;
    if (UniqueFd file = open_elf(path)) return file;
  }
  return {};
}

UniqueFd open_requested(char kind, std::string_view text) {
  switch (static_cast<FileRequest>(kind)) {
    case FileRequest::kMapped:
      if (text.find('\0') != std::string_view::npos) return {};
      return open_elf(std::string(text));
    case FileRequest::kBuildId: return open_by_build_id(text);
    case FileRequest::kDebugLink: return open_by_link(text);
  }
  return {};
}

constexpr std::size_t kControlSpace = CMSG_SPACE(sizeof(int));

bool send_answer(int socket, int fd) {
  char found = fd >= 0 ? 1 : 0;
  iovec part{&found, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[kControlSpace] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

}  // namespace

UniqueFd FileClient::ask(FileRequest kind, std::string_view text) const {
  std::string request(1, static_cast<char>(kind));
  request += text;
  iovec out{request.data(), request.size()};
  msghdr question{};
  question.msg_iov = &out;
  question.msg_iovlen = 1;
  if (request.size() > kMaxRequest ||
      ::sendmsg(socket_, &question, MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return {};
  }
  char found = 0;
  iovec part{&found, 1};
  alignas(cmsghdr) char control[kControlSpace] = {};
  msghdr answer{};
  answer.msg_iov = &part;
  answer.msg_iovlen = 1;
  answer.msg_control = control;
  answer.msg_controllen = sizeof control;
  if (::recvmsg(socket_, &answer, MSG_CMSG_CLOEXEC) != 1 || found != 1) return {};
  const cmsghdr* rights = CMSG_FIRSTHDR(&answer);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return {};
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
  return UniqueFd(fd);
}

bool serve_file(int socket) {
  std::array<char, kMaxRequest> request{};
  ssize_t size = 0;
  do {
    size = ::recv(socket, request.data(), request.size(), MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size < 1 || size > static_cast<ssize_t>(request.size())) return false;
  const UniqueFd file = open_requested(
      request[0], std::string_view(request.data() + 1, static_cast<std::size_t>(size) - 1));
  return send_answer(socket, file ? file.get() : -1);
}

}  // namespace nines::trace
