// Where things are in a datagram of the proc connector. Private to proc_connector*.cc.
#pragma once

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <cstddef>

namespace nines::sys::wire {

inline constexpr std::size_t kMessage = NLMSG_HDRLEN;
inline constexpr std::size_t kIdx = kMessage + offsetof(cn_msg, id.idx);
inline constexpr std::size_t kVal = kMessage + offsetof(cn_msg, id.val);
inline constexpr std::size_t kAck = kMessage + offsetof(cn_msg, ack);
inline constexpr std::size_t kEvent = kMessage + sizeof(cn_msg);
inline constexpr std::size_t kWhat = kEvent + offsetof(proc_event, what);
inline constexpr std::size_t kAckError = kEvent + offsetof(proc_event, event_data.ack.err);
inline constexpr std::size_t kPid = kEvent + offsetof(proc_event, event_data.exit.process_pid);
inline constexpr std::size_t kTgid = kEvent + offsetof(proc_event, event_data.exit.process_tgid);
inline constexpr std::size_t kExitCode = kEvent + offsetof(proc_event, event_data.exit.exit_code);

// A coredump event begins as an exit event does.
static_assert(offsetof(proc_event, event_data.coredump.process_tgid) ==
              offsetof(proc_event, event_data.exit.process_tgid));
static_assert(kWhat == 36 && kPid == 52 && kTgid == 56 && kExitCode == 60);

}  // namespace nines::sys::wire
