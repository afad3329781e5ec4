// For tests only: a small program of two source files, one of which is to be patched.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "app/livepatch/preparation.h"
#include "sys/run_program.h"
#include "sys/test_directory.h"

namespace nines::livepatch {

/// Runs a shell command. @return whether it succeeded.
inline bool shell(const std::string& command) {
  sys::SpawnRequest request;
  request.path = "/bin/sh";
  request.argv = {"sh", "-c", command};
  request.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
  const auto ran = sys::run_program(request, std::chrono::seconds(60), {});
  const bool good = ran && ran->status.success();
  if (!good && ran) ADD_FAILURE() << command << "\n" << ran->err;
  return good;
}

/// Compiles in a directory of its own, which goes with it.
class TestProgram {
 public:
  TestProgram(std::string compiler, std::string flags)
      : compiler_(std::move(compiler)), flags_(std::move(flags)) {}

  const std::string& directory() const { return directory_.path(); }
  std::string path() const { return directory() + "/program"; }

  /// @return the object's bytes; `variant` names its directory.
  std::string compile(const std::string& variant, const std::string& source,
                      const std::string& extra = {}) const {
    directory_.write(variant + "/part.c", source);
    shell("cd " + directory() + "/" + variant + " && " + compiler_ + " " + flags_ + " " + extra +
          " -c part.c -o part.o");
    return directory_.read(variant + "/part.o");
  }

  /// @param libraries  what else it is linked with.
  bool link(const std::string& main, const std::string& source, const std::string& libraries = {}) {
    compile("run", source);
    directory_.write("main/main.c", main);
    return shell("cd " + directory() + " && " + compiler_ + " " + flags_ +
                 " main/main.c run/part.o -o program -lpthread " + libraries +
                 " && strip -s program");
  }

  ObjectInput input(const std::string& original, const std::string& patched) const {
    const std::string sections = "-ffunction-sections -fdata-sections";
    return {"part.c", compile("pre", original), compile("original", original, sections),
            compile("patched", patched, sections)};
  }

 private:
  std::string compiler_, flags_;
  sys::TestDirectory directory_;
};

}  // namespace nines::livepatch
