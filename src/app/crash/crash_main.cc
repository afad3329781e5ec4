// nines-crash DIRECTORY: takes the process that the kernel announces over the connection on
// descriptor 3 into that directory. A program of its own: whatever a hostile process does to it,
// the daemon goes on.
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "app/crash/capture.h"

namespace {

constexpr int kConnection = 3;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;
constexpr std::chrono::seconds kPatience{10};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] != '/') {
    std::fprintf(stderr,
                 "usage: nines-crash DIRECTORY 3<CONNECTION\n"
                 "Writes what tells of the dying process behind the kernel's connection (see\n"
                 "core_pattern in core(5)) into DIRECTORY, an absolute path.\n");
    return kExitUsage;
  }
  auto connection = nines::crash::CoreConnection::from_kernel(nines::UniqueFd(kConnection));
  if (!connection) {
    std::fprintf(stderr, "nines-crash: %s\n", connection.error().message().c_str());
    return kExitFailure;
  }
  const auto captured = nines::crash::capture(&*connection, argv[1], kPatience);
  if (!captured) {
    std::fprintf(stderr, "nines-crash: %s\n", captured.error().message().c_str());
    return kExitFailure;
  }
  std::printf("{\"pid\":%d,\"threads\":%zu,\"memory\":%llu,\"us\":%lld}\n", connection->pid(),
              captured->head.threads.size(), static_cast<unsigned long long>(captured->memory),
              static_cast<long long>(captured->took.count() / 1000));
  return std::fflush(stdout) == 0 ? 0 : kExitFailure;
}
