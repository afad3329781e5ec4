#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "cli/command_line.h"

int main(int argc, char** argv) {
  // A closed pipe (nines events -f | head) is an error of the write, seen by the verb.
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto code =
      nines::cli::run(arguments, std::cout, std::cerr, nines::cli::Terminal::of(STDOUT_FILENO));
  std::cout.flush();
  return static_cast<int>(code);
}
