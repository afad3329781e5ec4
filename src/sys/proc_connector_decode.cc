// The bytes of a connector datagram, in host byte order and not aligned for their types:
//
//    0  nlmsghdr    16   len, type, flags, seq, pid
//   16  cn_msg      20   idx, val, seq, ack, len, flags
//   36  proc_event  16   what, cpu, timestamp_ns
//   52  event_data       pid, tgid, then for an exit: exit_code
//
// linux/netlink.h, linux/connector.h, linux/cn_proc.h; proc_connector_wire.h has the offsets.
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <cstring>
#include <string_view>

#include "sys/proc_connector.h"
#include "sys/proc_connector_wire.h"

namespace nines::sys {
namespace {

template <typename T>
std::optional<T> load(std::string_view bytes, std::size_t offset) {
  T value;
  if (offset > bytes.size() || bytes.size() - offset < sizeof value) return std::nullopt;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

std::optional<ProcEvent> decode_proc_event(const void* bytes, std::size_t size) {
  std::string_view datagram(static_cast<const char*>(bytes), size);
  const auto header = load<nlmsghdr>(datagram, 0);
  if (!header || header->nlmsg_type != NLMSG_DONE || header->nlmsg_len > size) return std::nullopt;
  datagram = datagram.substr(0, header->nlmsg_len);
  const auto idx = load<std::uint32_t>(datagram, wire::kIdx);
  const auto val = load<std::uint32_t>(datagram, wire::kVal);
  if (idx != CN_IDX_PROC || val != CN_VAL_PROC) return std::nullopt;

  const auto what = load<std::uint32_t>(datagram, wire::kWhat);
  const auto pid = load<std::int32_t>(datagram, wire::kPid);
  const auto tgid = load<std::int32_t>(datagram, wire::kTgid);
  if (!what || !pid || !tgid || *tgid <= 0) return std::nullopt;
  if (*what == proc_event::PROC_EVENT_COREDUMP) {
    return ProcEvent{ProcEvent::Kind::kCoredump, *tgid, {}};
  }
  if (*what == proc_event::PROC_EVENT_EXIT && *pid == *tgid) {
    const auto code = load<std::int32_t>(datagram, wire::kExitCode);
    if (!code) return std::nullopt;
    return ProcEvent{ProcEvent::Kind::kExit, *tgid, exit_status_from_wait(*code)};
  }
  return std::nullopt;
}

}  // namespace nines::sys
