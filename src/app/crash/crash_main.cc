// nines-crash DIRECTORY: takes the process that the kernel announces over the connection on
// descriptor 3 into that directory; or with --pipe one whose core comes over a pipe. A program of
// its own: whatever a hostile process does to it, the daemon goes on, and whatever happens to the
// daemon, it goes on.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "app/crash/capture.h"
#include "app/crash/core_connection.h"
#include "app/crash/crash_directory.h"
#include "app/crash/crash_store.h"
#include "app/crash/examine.h"
#include "app/crash/facts.h"
#include "app/crash/former_handler.h"
#include "app/crash/hook.h"
#include "app/crash/kept_files.h"
#include "app/crash/outcome.h"
#include "app/crash/pipe_protocol.h"
#include "app/crash/places.h"
#include "base/fault_point.h"
#include "sys/file.h"

namespace {

using namespace nines;
using crash::Outcome;

constexpr int kInput = 3;
constexpr int kProcess = 4;  // with --pipe: a handle of it
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::minutes kFormerPatience{5};  // it gets all of the memory

struct Arguments {
  std::string directory;
  bool in_store = false;
  std::string unit;
  std::string watchdog;  ///< what was seen before it was made to crash, since it hung
  std::optional<crash::PipeNotice> pipe;
  std::string foreign;  ///< of no unit: the directory that says what becomes of such; or empty
};

/// The process, what its core comes through, and the kernel's consent to write it.
struct Source {
  UniqueFd stream;
  sys::Pidfd process;
  pid_t pid = 0;
  bool by_owner = false;
  std::optional<crash::CoreConnection> connection;  // instead of `stream` and `process`

  crash::Victim victim() const {
    return connection ? crash::Victim{connection->process(), pid, by_owner, connection->stream()}
                      : crash::Victim{process, pid, by_owner, stream.get()};
  }
};

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--in-store") {
      arguments.in_store = true;
    } else if (word == "--unit" && i + 1 < argc) {
      arguments.unit = argv[++i];
    } else if (word == "--watchdog" && i + 1 < argc) {
      arguments.watchdog = argv[++i];
    } else if (word == "--foreign" && i + 1 < argc) {
      arguments.foreign = argv[++i];
    } else if (word == "--pipe" && i + 2 < argc) {
      arguments.pipe = crash::PipeNotice{std::atoi(argv[i + 1]), std::atoi(argv[i + 2])};
      i += 2;
    } else if (word.starts_with('/') && arguments.directory.empty()) {
      arguments.directory = word;
    } else {
      return std::nullopt;
    }
  }
  if (arguments.directory.empty()) return std::nullopt;
  return arguments;
}

/// For standard output, which may be a file that the daemon reads after our end.
void say(const Outcome& outcome) {
  const std::string line = crash::encode(outcome);
  const ssize_t written = ::write(STDOUT_FILENO, line.data(), line.size());
  // Nobody to tell. Of what was kept, the directory tells.
  static_cast<void>(written);
}

Result<Source> open_source(const Arguments& arguments) {
  Source source;
  if (arguments.pipe) {
    source.stream.reset(kInput);
    source.process = sys::Pidfd(UniqueFd(kProcess));
    source.pid = arguments.pipe->pid;
    source.by_owner = arguments.pipe->dumpable == 1;
    return source;
  }
  UniqueFd input(kInput);
  NINES_ASSIGN(auto connection, crash::CoreConnection::from_kernel(input));
  source.pid = connection.pid();
  source.by_owner = connection.dumpable_by_owner();
  source.connection.emplace(std::move(connection));
  return source;
}

/// @return whether the former handler has it. If it should have and has not, it is kept here.
bool is_given_away(const Arguments& arguments, const crash::Victim& victim,
                   const crash::CoreStart& start, Outcome* outcome) {
  if (arguments.foreign.empty()) return false;
  const auto record = crash::read_hook_record(arguments.foreign);
  if (!record || record->others != crash::Others::kFormer) return false;
  auto passed = crash::pass_to_former(record->former, victim, start, boot_now() + kFormerPatience);
  if (passed) {
    outcome->passed_to = std::move(*passed);
    return true;
  }
  outcome->note = "kept here, since the former handler has not got it: " + passed.error().message();
  return false;
}

/// Keeps it, and lets the process go.
/// @param gone  what examine() is to keep besides.
Status keep(const Arguments& arguments, Outcome* outcome, std::vector<crash::GoneFile>* gone) {
  const BootTime begun = boot_now();
  const BootTime deadline = begun + kPatience;
  NINES_ASSIGN(Source source, open_source(arguments));
  outcome->pid = source.pid;
  outcome->by_owner = source.by_owner;
  if (source.connection) {
    NINES_TRY(source.connection->offer(deadline - boot_now()));
    NINES_TRY(source.connection->accept(deadline - boot_now()));
  }
  NINES_ASSIGN(const auto start, crash::read_core_start(source.victim().stream, deadline));
  outcome->signal = start.head.signal.number;
  outcome->threads = start.head.threads.size();
  outcome->program = crash::program_of(source.pid).value_or(start.head.name);
  // Killed meanwhile: its pid may be another's, whose name that is.
  if (source.victim().process.has_exited()) outcome->program = start.head.name;
  if (is_given_away(arguments, source.victim(), start, outcome)) return {};
  NINES_ASSIGN(auto directory, crash::CrashDirectory::make(arguments.directory));
  NINES_TRY(fault::hit(FaultPoint::crash_directory_made));
  NINES_ASSIGN(const auto captured, crash::capture(source.victim(), start, directory.part()));
  outcome->program = captured.program;
  outcome->memory = captured.memory;
  if (arguments.in_store) *gone = crash::open_gone_files(source.pid, start.head);
  outcome->took = boot_now() - begun;
  NINES_TRY(sys::replace_file(directory.part() + "/capture.json", crash::encode(*outcome), 0600));
  NINES_TRY(directory.finish());
  fault::pass(FaultPoint::crash_kept);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  if (!arguments) {
    std::fprintf(
        stderr,
        "usage: nines-crash [--in-store [--unit UNIT] [--watchdog TEXT]] DIRECTORY 3<CONNECTION\n"
        "Writes what tells of the dying process behind the kernel's connection (see\n"
        "core_pattern in core(5)) into DIRECTORY, an absolute path, which it makes.\n"
        "--in-store: others like it are beside it; diagnoses it, and removes the oldest beyond\n"
        "the limits.\n");
    return kExitUsage;
  }
  if (const auto armed = fault::arm_from_environment(); !armed) return kExitUsage;
  ::signal(SIGPIPE, SIG_IGN);
  Outcome outcome;
  outcome.unit = arguments->unit;
  std::vector<crash::GoneFile> gone;
  const Status kept = keep(*arguments, &outcome, &gone);
  if (!kept) {
    outcome.error = kept.error().message();
    outcome.error_code = to_string(kept.error().code());
    std::fprintf(stderr, "nines-crash: %s\n", outcome.error.c_str());
  }
  if (arguments->in_store && outcome.passed_to.empty()) {
    // After the process could go: nobody waits for this.
    if (kept) crash::examine(arguments->directory, gone, arguments->watchdog, &outcome);
    const auto slash = arguments->directory.rfind('/');
    const auto tidied = crash::tidy(arguments->directory.substr(0, slash),
                                    arguments->directory.substr(slash + 1), {});
    if (tidied) outcome.removed = tidied->removed;
    if (tidied)
      crash::tidy_pool(crash::crash_files_path(arguments->directory.substr(0, slash) + "/.."));
  }
  say(outcome);
  return kept ? 0 : kExitFailure;
}
