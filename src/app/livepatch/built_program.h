// For tests only: programs and objects made by the compiler that is here, from a text.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "sys/file.h"
#include "sys/test_directory.h"

namespace nines::livepatch {

class Compiler {
 public:
  const std::string& directory() const { return directory_.path(); }

  /// @return the path of NAME.o.
  std::string object(const std::string& name, const std::string& source, const std::string& flags) {
    directory_.write(name + ".c", source);
    run("cc " + flags + " -c -o " + at(name + ".o") + " " + at(name + ".c"));
    return at(name + ".o");
  }
  std::string link(const std::string& name, const std::string& objects, const std::string& flags) {
    run("cc " + flags + " -o " + at(name) + " " + objects);
    return at(name);
  }
  void strip(const std::string& program) { run("strip " + program); }
  /// What nm says, of the functions and data of a program that was not stripped.
  std::map<std::string, std::uint64_t> names(const std::string& program) {
    run("nm " + program + " > " + at("names"));
    std::ifstream file(at("names"));
    std::map<std::string, std::uint64_t> found;
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string address, type, name;
      if (words >> address >> type >> name) found[name] = std::stoull(address, nullptr, 16);
    }
    return found;
  }
  std::string read(const std::string& path) {
    auto bytes = sys::read_file(path, Bytes{64 << 20});
    EXPECT_TRUE(bytes) << path;
    return bytes ? std::move(*bytes) : std::string();
  }

 private:
  std::string at(const std::string& name) const { return directory_.path() + "/" + name; }
  static void run(const std::string& command) {
    // NOLINTNEXTLINE(cert-env33-c): a test's own words
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  sys::TestDirectory directory_;
};

}  // namespace nines::livepatch
