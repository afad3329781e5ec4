// nines-cc: stands in a build's PATH under the names of compilers. Does what they would do, and
// compiles each source once more beside it, for patches. The build sees the compiler's own output
// and exit code and nothing else.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "app/livepatch/compile_command.h"
#include "app/livepatch/compile_log.h"
#include "base/id128.h"

namespace {

using namespace nines;
using namespace nines::livepatch;

constexpr int kNotFound = 127;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string find_in(const std::string& path, const std::string& name) {
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    const std::string candidate = path.substr(at, end - at) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    at = end + 1;
  }
  return {};
}

enum class Say { kAll, kNothing };

/// @return its exit code, as a shell tells it.
int run(const std::string& program, const std::vector<std::string>& arguments, Say say) {
  // With its path: gcc finds its parts by its own name, which in PATH is ours.
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (say == Say::kNothing) {
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  }
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return kNotFound;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto full = std::filesystem::absolute(path, error);
  return error ? path : full.lexically_normal().string();
}

/// Trouble here is the patch's, not the build's: it is noted, and the build goes on.
void compile_again(const std::string& compiler, const std::string& log,
                   const std::vector<std::string>& arguments, const CompileCommand& command) {
  for (const std::string& source : command.sources) {
    const std::string stem = log + "/" + Id128::make().str();
    const auto make = [&](Variant variant, const std::string& object) {
      return run(compiler, arguments_for_object(arguments, source, object, variant), Say::kNothing);
    };
    Compiled compiled;
    compiled.source = absolute(source);
    compiled.output = absolute(command.compiles         ? command.object_path()
                               : command.output.empty() ? std::string("a.out")
                                                        : command.output);
    compiled.exact = stem + ".exact.o";
    compiled.object = stem + ".o";
    int code = make(Variant::kExact, compiled.exact);
    if (code == 0) code = make(Variant::kSections, compiled.object);
    if (code != 0) {
      (void)note_failed(log, source + ": the compiler ended with " + std::to_string(code))
          .has_value();
      return;
    }
    // Names may be made of line numbers: then it does not compile, and is done without.
    const std::string lineless = stem + ".lineless.o";
    if (make(Variant::kNoLines, lineless) == 0) compiled.lineless = lineless;
    (void)note_compiled(log, compiled).has_value();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = variable(kPathVariable), log = variable(kLogVariable);
  const std::string self = argc > 0 ? argv[0] : "";
  const std::string name = self.substr(self.rfind('/') + 1);
  const std::string compiler = find_in(path, name);
  if (compiler.empty() || log.empty()) {
    std::fprintf(stderr,
                 "%s: only `nines patch build` starts this; no compiler of that name in %s\n",
                 name.c_str(), kPathVariable);
    return kNotFound;
  }
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const int code = run(compiler, arguments, Say::kAll);
  if (code != 0) return code;
  const CompileCommand command = parse_compile_command(arguments);
  if (command.compiles || command.links) compile_again(compiler, log, arguments, command);
  if (command.links) {
    const std::string output = command.output.empty() ? "a.out" : command.output;
    (void)note_linked(log, absolute(output)).has_value();
  }
  return 0;
}
