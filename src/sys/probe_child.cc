#include "sys/probe_child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace nines::sys::probe {

ProbeChild::ProbeChild(const std::function<int()>& body) : pid_(::fork()) {
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::_exit(body());
}

ProbeChild::~ProbeChild() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);  // our child that we did not reap: the pid is still its own
  wait();
}

void ProbeChild::wait() {
  const pid_t pid = std::exchange(pid_, -1);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

int wait_to_be_killed() {
  for (;;) ::pause();
}

}  // namespace nines::sys::probe
