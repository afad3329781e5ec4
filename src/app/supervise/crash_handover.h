// What a crashed process must let go of before its successor can serve, while the kernel still
// writes its core or takes its memory apart.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "sys/pidfd.h"
#include "sys/sock_diag.h"

namespace nines::supervise {

/// The listening TCP sockets that a process has open now. Empty also where we may not look, where
/// they are of another network namespace, or when the process ends meanwhile.
/// @pre  `pid` is the process's, whether or not it has been reaped.
std::vector<sys::TcpListener> find_listeners(const sys::Pidfd& process, pid_t pid);

/// Closes listening sockets of a process that will never serve again, so that another one can
/// bind() their addresses with SO_REUSEADDR. Clients in their queues are reset, and may connect
/// again, instead of hanging until the process is gone. Each is named by its cookie: one that was
/// closed since it was found costs nobody his socket.
/// @pre     the kernel is ending the process (a coredump event): one that lives would go deaf.
/// @return  the number of sockets closed; 0 also where we may not (it needs CAP_NET_ADMIN), or
///          where the process has closed them already.
/// @source  SOCK_DESTROY, sock_diag(7). pidfd_getfd(2) would do for a process that is being dumped,
///          but not for one that is already exiting (ESRCH), as all do that write no core.
unsigned close_listeners(const std::vector<sys::TcpListener>& listeners);

/// Whether this CPU is needed for the successor, which begins its life on it. A spare, which is
/// there already, runs where it ran before: the dying one must not be sent there.
enum class LeaveThisCpu : std::uint8_t { kNo, kYes };

/// Makes all threads of a process that will never serve again give way to everybody else: they
/// become SCHED_IDLE, and leave our CPU if told to. To write its core and to take its memory apart
/// can keep a CPU busy for long, on which its successor would serve; the priority alone is not
/// enough, since it counts only within a cgroup or session. Does nothing where we may not.
/// @pre     as above.
/// @source  sched(7), sched_setaffinity(2)
void give_way(const sys::Pidfd& process, pid_t pid, LeaveThisCpu leave);

}  // namespace nines::supervise
