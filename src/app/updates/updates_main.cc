// nines-updates [ROOT]: prints the pending security updates as JSON. A program of its own: it loads
// libapt-pkg and all that comes with it, and whoever asks can end it at a deadline.
#include <cstdio>

#include "app/updates/security_updates.h"

int main(int argc, char** argv) {
  std::string root = argc > 1 ? argv[1] : "";
  while (root.ends_with('/')) root.pop_back();
  if (argc > 2 || root.starts_with("-")) {
    std::fputs("usage: nines-updates [ROOT]\n", stderr);
    return 2;
  }
  const auto pending = nines::updates::read_pending_updates(nines::sys::HostRoot(root));
  if (!pending) {
    std::fprintf(stderr, "nines-updates: %s\n", pending.error().message().c_str());
    return 1;
  }
  std::printf("%s\n", nines::updates::encode(*pending).c_str());
  return std::fflush(stdout) == 0 ? 0 : 1;
}
