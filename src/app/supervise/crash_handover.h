// What a crashed process must let go of before its successor can serve, while the kernel still
// writes its core or takes its memory apart.
#pragma once

#include <sys/types.h>

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

}  // namespace nines::supervise
