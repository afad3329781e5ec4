// ninesd: becomes the keeper, which starts it again as its worker.

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/fault_point.h"
#include "base/log.h"
#include "daemon/daemon_options.h"
#include "daemon/runtime_directory.h"
#include "daemon/worker.h"
#include "sys/file.h"
#include "sys/own_program.h"

namespace {

using namespace nines;
using namespace nines::daemon;

int fail(const Error& error, int code) {
  std::fprintf(stderr, "ninesd: %s\n", error.message().c_str());
  if (!error.hint().empty()) std::fprintf(stderr, "  %s\n", error.hint().c_str());
  return code;
}

int become_keeper(const std::string& self, std::vector<std::string> arguments) {
  std::vector<std::string> words = {sys::beside(self, "nines-keeper"), "--", self};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv.front(), argv.data());
  return fail(Error::from_errno(errno, "execute", words.front())
                  .with_hint("ninesd and nines-keeper belong in one directory"),
              kExitFailure);
}

}  // namespace

int main(int argc, char** argv) {
  ParsedOptions parsed = parse_daemon_options(argc, argv);
  if (parsed.done) {
    std::fputs(parsed.text.c_str(), parsed.code == 0 ? stdout : stderr);
    return parsed.code;
  }
  if (const Status armed = fault::arm_from_environment(); !armed) {
    return fail(armed.error(), kExitUsage);
  }
  const auto self = sys::own_program();
  if (!self) return fail(self.error(), kExitFailure);
  std::vector<std::string> arguments = worker_arguments(argc, argv);
  if (parsed.options.keeper_fd < 0) {
    const int code = become_keeper(*self, std::move(arguments));  // returns only on failure
    if (parsed.options.is_private) remove_runtime_directory(parsed.options.runtime_dir);
    return code;
  }

  ::signal(SIGPIPE, SIG_IGN);
  // Signals are the keeper's to take and to pass on. A terminal's Ctrl-C goes to both of us: dying
  // of it here would lose what the keeper is told to tell us.
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    ::signal(number, SIG_IGN);
  }
  // The ledger's thread and the one that moves processes allocate little: with one heap for all,
  // what one has freed serves the others.
  ::mallopt(M_ARENA_MAX, 1);
  log::init("ninesd", parsed.options.log_level);
  arguments.insert(arguments.begin(), *self);
  const std::string runtime_dir = parsed.options.runtime_dir;
  auto worker = std::make_unique<Worker>(std::move(parsed.options), std::move(arguments),
                                         sys::beside(*self, "nines-keeper"));
  const auto code = worker->run();
  const bool remove = worker->leaves_directory_behind();
  worker.reset();  // it may still write
  if (remove) remove_runtime_directory(runtime_dir);
  if (code) return *code;
  return fail(code.error(),
              code.error().code() == ErrorCode::kBusy ? kExitAlreadyRunning : kExitFailure);
}
