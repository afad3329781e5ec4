// For tests only: a host made from one text file below tests/fixtures/hosts. README.md there says
// how the files are written.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "matrix/matrix.h"
#include "sys/test_directory.h"

namespace nines::matrix {

struct Expectation {
  std::string cell, verdict, reason;  ///< reason: part of the why
  int line = 0;
};

class FixtureHost {
 public:
  /// @param file  path of the .host file; what is wrong with it is a failure of the test.
  explicit FixtureHost(const std::string& file);

  /// Probes as whoever the host's /proc/self/status says: files that are denied are really not
  /// readable, also when the tests run as root.
  Matrix probe();

  const std::vector<Expectation>& expectations() const { return expectations_; }
  /// What is to be advised, by the source of the finding.
  const std::map<std::string, std::string>& advice() const { return advice_; }

 private:
  void read(const std::string& file);
  void add_line(const std::string& line, int number);
  std::string path(const std::string& absolute) const { return root_.path() + absolute; }

  sys::TestDirectory root_;
  std::vector<Expectation> expectations_;
  std::map<std::string, std::string> advice_;
  std::map<std::string, Answer> answers_;  ///< "criu check" -> what it says
  std::vector<std::string> denied_;
  std::map<std::string, long> times_;
  std::string units_unknown_;
};

}  // namespace nines::matrix
