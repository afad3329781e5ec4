#include "app/supervise/connections.h"

#include <fmt/format.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <set>
#include <sstream>

#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::supervise {
namespace {

struct ListenerNames {
  std::set<unsigned> ports;
  std::set<std::string> paths;  ///< as in /proc/net/unix: abstract ones begin with '@'
};

ListenerNames names_of(const std::vector<std::pair<std::string, int>>& listeners) {
  ListenerNames names;
  for (const auto& [label, fd] : listeners) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) continue;
    if (address.ss_family == AF_INET) {
      names.ports.insert(ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port));
    } else if (address.ss_family == AF_INET6) {
      names.ports.insert(ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port));
    } else if (address.ss_family == AF_UNIX && size > offsetof(sockaddr_un, sun_path)) {
      const auto* path = reinterpret_cast<const sockaddr_un*>(&address)->sun_path;
      const std::size_t length = size - offsetof(sockaddr_un, sun_path);
      std::string text(path, length);
      if (text.front() == '\0') text.front() = '@';
      names.paths.insert(text.substr(0, text.find('\0')));
    }
  }
  return names;
}

using Inodes = std::set<std::uint64_t>;

bool among(const Inodes& inodes, const std::string& text) {
  std::uint64_t inode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), inode);
  return error == std::errc() && end == text.data() + text.size() && inodes.contains(inode);
}

/// One line of /proc/net/tcp: sl local rem st tx:rx tr:when retr uid timeout inode ...
bool is_tcp_connection(const std::string& line, const ListenerNames& names, const Inodes& inodes) {
  std::istringstream words(line);
  std::string slot, local, remote, state, queues, timer, retransmit, uid, timeout, inode;
  words >> slot >> local >> remote >> state >> queues >> timer >> retransmit >> uid >> timeout >>
      inode;
  constexpr std::string_view kListen = "0A";  // TCP_LISTEN, net/tcp_states.h
  if (state == kListen || !among(inodes, inode)) return false;
  const auto colon = local.find(':');
  if (colon == std::string::npos) return false;
  unsigned port = 0;
  std::from_chars(local.data() + colon + 1, local.data() + local.size(), port, 16);
  return names.ports.contains(port);
}

/// One line of /proc/net/unix: num refcount protocol flags type state inode [path]
bool is_unix_connection(const std::string& line, const ListenerNames& names, const Inodes& inodes) {
  std::istringstream words(line);
  std::string number, references, protocol, flags, type, state, inode, path;
  words >> number >> references >> protocol >> flags >> type >> state >> inode >> path;
  constexpr std::string_view kConnected = "03";  // SS_CONNECTED, linux/net.h
  return state == kConnected && among(inodes, inode) && names.paths.contains(path);
}

}  // namespace

bool has_accepted_connection(pid_t pid, const std::vector<std::pair<std::string, int>>& listeners) {
  const ListenerNames names = names_of(listeners);
  const Inodes inodes = sys::Procfs().socket_inodes(pid).value_or(Inodes());
  for (const char* table : {"tcp", "tcp6", "unix"}) {
    const auto text = sys::read_file(fmt::format("/proc/{}/net/{}", pid, table));
    if (!text) {
      if (text.error().code() == ErrorCode::kNotFound) continue;  // a kernel without IPv6
      return true;
    }
    std::istringstream lines(*text);
    std::string line;
    std::getline(lines, line);  // the heading
    while (std::getline(lines, line)) {
      const bool hit = table == std::string_view("unix") ? is_unix_connection(line, names, inodes)
                                                         : is_tcp_connection(line, names, inodes);
      if (hit) return true;
    }
  }
  return false;
}

}  // namespace nines::supervise
