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
#include "sys/unix_socket.h"

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

}  // namespace

UniqueFd FileClient::ask(FileRequest kind, std::string_view text) const {
  std::string request(1, static_cast<char>(kind));
  request += text;
  if (request.size() > kMaxRequest || !sys::send_message(socket_, request)) return {};
  auto answer = sys::receive_message(socket_, 1, 0);
  if (!answer || !*answer || (*answer)->fds.size() != 1) return {};
  return std::move((*answer)->fds.front());
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
  constexpr std::string_view kAnswer = "f";  // with the file, if there is one
  const std::vector<int> fds = file ? std::vector{file.get()} : std::vector<int>();
  return sys::send_message(socket, kAnswer, fds).has_value();
}

}  // namespace nines::trace
