// For the tests of this room: temporary directories, units with commands, and running them.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "app/supervise/exec_context.h"
#include "sys/file.h"
#include "sys/spawn.h"

namespace nines::supervise::testing {

/// A directory that vanishes with its contents.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "nines-XXXXXX").string();
    path_ = ::mkdtemp(name.data()) == nullptr ? "" : name;
    EXPECT_FALSE(path_.empty());
    // Entered by units that run as another user.
    std::filesystem::permissions(path_, std::filesystem::perms(0755));
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline unit::Unit service_unit(const std::string& name = "app.service") {
  unit::Unit unit;
  unit.name = name;
  unit.body = unit::ServiceUnit{};
  return unit;
}
inline unit::ExecSettings& exec_of(unit::Unit& unit) {
  return std::get<unit::ServiceUnit>(unit.body).exec.edit();
}
inline unit::ExecCommand command(std::vector<std::string> argv) {
  unit::ExecCommand command;
  command.path = argv.front();
  command.argv = std::move(argv);
  return command;
}
inline unit::ExecCommand shell(const std::string& script) {
  // "$$" is one '$' once systemd's own expansion is done.
  std::string escaped;
  for (const char c : script) escaped += c == '$' ? std::string("$$") : std::string(1, c);
  return command({"/bin/sh", "-c", escaped});
}

struct Ran {
  pid_t pid = 0;
  int code = -1;  ///< exit code; -1: by signal
  std::string output;
};

/// Spawns and waits. Standard output is what the launch says, or is returned when that is -1.
inline Result<Ran> run(Launch& launch) {
  const TemporaryDirectory directory;
  NINES_ASSIGN(const UniqueFd captured,
               sys::open_file(directory / "output", O_RDWR | O_CREAT | O_APPEND, 0600));
  if (launch.request.stdout_fd < 0) launch.request.stdout_fd = captured.get();
  NINES_ASSIGN(const sys::SpawnedProcess process, sys::spawn(launch.request));
  Ran ran;
  ran.pid = process.id.pid;
  int status = 0;
  while (::waitpid(ran.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) ran.code = WEXITSTATUS(status);
  NINES_ASSIGN(ran.output, sys::read_file(directory / "output"));
  while (ran.output.ends_with('\n')) ran.output.pop_back();
  return ran;
}

/// Builds, spawns, waits.
inline Result<Ran> run(const LaunchInputs& inputs) {
  NINES_ASSIGN(Launch launch, build_spawn_request(inputs));
  return run(launch);
}

}  // namespace nines::supervise::testing
