// The CPU when it is wanted: who restarts others must run before what keeps the machine busy.
#pragma once

namespace nines::sys {

/// Makes the calling thread a real-time one of the lowest priority (SCHED_RR 1). Its children and
/// further threads begin as ordinary ones of nice level 0.
/// Does nothing where it is not permitted, as in most containers, or with NINES_REALTIME=0.
/// @return whether it is one now.
/// @source sched(7), SCHED_RESET_ON_FORK
bool become_realtime();

}  // namespace nines::sys
