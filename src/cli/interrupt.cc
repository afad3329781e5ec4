#include "cli/interrupt.h"

#include <poll.h>
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
  // timeout(1) signals its child and then its process group; others pass on what the terminal has
  // sent already. Such echoes are not a second Ctrl-C.
  constexpr int kEchoMs = 200;
  signalfd_siginfo info;
  pollfd waiting{fd_.get(), POLLIN, 0};
  while (::read(fd_.get(), &info, sizeof info) > 0 || ::poll(&waiting, 1, kEchoMs) > 0) continue;
}

Interrupt::~Interrupt() {
  if (fd_) ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace nines::cli
