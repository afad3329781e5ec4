#include "sys/scheduling.h"

#include <sched.h>

#include <cstdlib>
#include <string_view>

namespace nines::sys {

bool become_realtime() {
  const char* const wanted = std::getenv("NINES_REALTIME");
  if (wanted != nullptr && std::string_view(wanted) == "0") return false;
  const sched_param lowest{sched_get_priority_min(SCHED_RR)};
  return ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0;
}

}  // namespace nines::sys
