// What a crashed process must let go of before its successor can serve, while the kernel still
// writes its core or takes its memory apart.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "sys/pidfd.h"

namespace nines::supervise {

/// Closes the listening TCP sockets of a process that will never serve again, so that another one
/// can bind() their addresses with SO_REUSEADDR. Clients in their queues are reset, and may connect
/// again, instead of hanging until the process is gone.
/// @pre     the kernel is ending the process (a coredump event), and it was not reaped yet: one
///          that lives would go deaf.
/// @return  the number of sockets closed; 0 also where we may not (it needs CAP_NET_ADMIN), where
///          they are of another network namespace, or where the process has closed them already.
/// @source  SOCK_DESTROY, sock_diag(7). pidfd_getfd(2) would do for a process that is being dumped,
///          but not for one that is already exiting (ESRCH), as all do that write no core.
unsigned free_listeners(pid_t pid);

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
