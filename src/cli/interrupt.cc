#include "cli/interrupt.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace nines::cli {

Result<Interrupt> Interrupt::install() {
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return Error::from_errno(errno, "signalfd");
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  return Interrupt(std::move(fd), before);
}

void Interrupt::consume() {
  signalfd_siginfo info;
  (void)!::read(fd_.get(), &info, sizeof info);
}

Interrupt::~Interrupt() {
  if (fd_) ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace nines::cli
