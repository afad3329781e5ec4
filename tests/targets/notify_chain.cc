// Notifies from a grandchild, which NotifyAccess=main must ignore and NotifyAccess=all accept.
//   --take-over   the grandchild declares itself MAINPID, and the first process exits 0
#include <getopt.h>

#include "target.h"

namespace {

[[noreturn]] void grandchild(bool take_over) {
  const std::string main_pid = "MAINPID=" + std::to_string(::getpid()) + "\n";
  target::notify((take_over ? main_pid : "") + "READY=1\nSTATUS=ready, says the grandchild");
  target::wait_forever();
}

}  // namespace

int main(int argc, char** argv) {
  const option table[] = {{"take-over", no_argument, nullptr, 't'}, {nullptr, 0, nullptr, 0}};
  bool take_over = false;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    if (c != 't') target::usage("notify_chain [--take-over]");
    take_over = true;
  }
  const pid_t pid = ::fork();
  if (pid < 0) target::die("fork");
  if (pid == 0) {
    const pid_t last = ::fork();
    if (last < 0) target::die("fork");
    if (last == 0) grandchild(take_over);
    if (take_over) return 0;
    target::wait_forever();
  }
  if (!take_over) target::wait_forever();
  // The supervisor must have read MAINPID before the first process goes; it has no way to answer,
  // so the barrier is a second for it to be slow in.
  ::sleep(1);
  return 0;
}
