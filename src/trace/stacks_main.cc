// nines-stacks PID [START]: prints the stacks of all threads of a process. A program of its own, so
// that ninesd never stops for it, and neither is a tracer nor parses what other programs wrote.
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "sys/procfs.h"
#include "trace/stack_text.h"

namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;
constexpr std::chrono::milliseconds kStopWithin{500};
// Whoever started us may be gone: no process is held longer than this.
constexpr unsigned kGiveUpSeconds = 5;

template <typename T>
bool parse(const char* text, T& value) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  return error == std::errc() && stop == end && value > 0;
}

}  // namespace

int main(int argc, char** argv) {
  nines::ProcessId process;
  std::uint64_t start = 0;
  if (argc < 2 || argc > 3 || !parse(argv[1], process.pid) ||
      (argc == 3 && !parse(argv[2], start))) {
    std::fprintf(
        stderr,
        "usage: nines-stacks PID [START]\n"
        "Prints the stack of each thread of process PID. START is its start time in clock\n"
        "ticks (field 22 of /proc/PID/stat), so that no successor of the same pid is taken\n"
        "for it.\n");
    return kExitUsage;
  }
  ::alarm(kGiveUpSeconds);
  process.start = static_cast<nines::StartTime>(start);
  const auto text = nines::trace::stack_text(process, kStopWithin);
  if (!text) {
    std::fprintf(stderr, "nines-stacks: %s\n", text.error().message().c_str());
    return kExitFailure;
  }
  const bool written = std::fwrite(text->data(), 1, text->size(), stdout) == text->size();
  return written && std::fflush(stdout) == 0 ? 0 : kExitFailure;
}
