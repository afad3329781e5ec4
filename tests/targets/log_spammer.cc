// Writes numbered lines, so that a reader can tell lost, doubled and torn ones: "SEQ xxx...\n".
//   --lines-per-s N  default 0: as fast as it can      --bytes N  line length, default 80
//   --total N        then exits 0; default: never      --stderr   instead of standard output
//   --no-newline     one endless line
#include <getopt.h>

#include <chrono>
#include <thread>

#include "target.h"

namespace {

struct Options {
  long lines_per_s = 0;
  long bytes = 80;
  long total = -1;
  int fd = STDOUT_FILENO;
  bool newline = true;
};

Options parse(int argc, char** argv) {
  const option table[] = {
      {"lines-per-s", required_argument, nullptr, 'l'}, {"bytes", required_argument, nullptr, 'b'},
      {"total", required_argument, nullptr, 't'},       {"stderr", no_argument, nullptr, 'e'},
      {"no-newline", no_argument, nullptr, 'n'},        {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case 'l': options.lines_per_s = target::number(optarg); break;
      case 'b': options.bytes = target::number(optarg); break;
      case 't': options.total = target::number(optarg); break;
      case 'e': options.fd = STDERR_FILENO; break;
      case 'n': options.newline = false; break;
      default:
        target::usage(
            "log_spammer [--lines-per-s N] [--bytes N] [--total N] [--stderr] "
            "[--no-newline]");
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  target::notify("READY=1");
  const auto start = std::chrono::steady_clock::now();
  for (long sequence = 0; sequence != options.total; ++sequence) {
    std::string line = std::to_string(sequence) + " ";
    const auto length = static_cast<std::size_t>(options.bytes > 1 ? options.bytes - 1 : 0);
    if (line.size() < length) line.append(length - line.size(), 'x');
    if (options.newline) line += '\n';
    target::write_all(options.fd, line);
    if (options.lines_per_s > 0) {
      std::this_thread::sleep_until(
          start + std::chrono::microseconds((sequence + 1) * 1'000'000 / options.lines_per_s));
    }
  }
  return 0;
}
