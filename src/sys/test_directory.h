// For tests only: a temporary directory.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is not in <cstdlib>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace nines::sys {

/// Is removed with all that is in it.
class TestDirectory {
 public:
  TestDirectory() : path_(testing::TempDir() + "nines-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "mkdtemp " << path_;
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  /// Writes a file, `name` is relative or begins with '/', and makes the directories above.
  void write(std::string_view name, std::string_view text) const {
    const std::string file = path_ + "/" + std::string(name);
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file) << text;
  }
  std::string read(std::string_view name) const {
    std::ifstream in(path_ + "/" + std::string(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool has(std::string_view name) const {
    return std::filesystem::exists(path_ + "/" + std::string(name));
  }

 private:
  std::string path_;
};

}  // namespace nines::sys
