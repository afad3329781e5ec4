// The fixture host itself; see fixture_host.h.
#include "matrix/fixture_host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace nines::matrix {
namespace {

constexpr uid_t kNobody = 65534;

class FixtureCommands : public Commands {
 public:
  FixtureCommands(const std::map<std::string, Answer>& answers, std::string root)
      : answers_(answers), root_(std::move(root)) {}
  void begin(const Command&) override {}
  Answer answer(const Command& command) override {
    std::string key = std::filesystem::path(command.front()).filename();
    for (std::size_t i = 1; i < command.size(); ++i) {
      if (!command[i].starts_with(root_)) key += ' ' + command[i];
    }
    const auto found = answers_.find(key);
    if (found != answers_.end()) return found->second;
    ADD_FAILURE() << "the fixture does not say what '" << key << "' answers";
    return {};
  }

 private:
  const std::map<std::string, Answer>& answers_;
  std::string root_;
};

std::string trim(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? ""
                                    : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
  }
}

/// "@NOW@" and "@OLD@", nanoseconds: an index that was fetched now, and 30 days ago.
std::string with_times(std::string text) {
  constexpr std::int64_t kMonth = std::int64_t{30} * 24 * 3600 * 1'000'000'000;
  replace_all(text, "@NOW@", std::to_string(utc_now().ns));
  replace_all(text, "@OLD@", std::to_string(utc_now().ns - kMonth));
  return text;
}

}  // namespace

FixtureHost::FixtureHost(const std::string& file) {
  ::chmod(root_.path().c_str(), 0755);  // also for somebody else than its owner
  read(file);
  for (const auto& [name, seconds] : times_) {
    const timespec times[2] = {{seconds, 0}, {seconds, 0}};
    EXPECT_EQ(::utimensat(AT_FDCWD, path(name).c_str(), times, 0), 0) << name;
  }
  for (const std::string& name : denied_) {
    EXPECT_EQ(::chmod(path(name).c_str(), 0), 0) << name;
  }
}

void FixtureHost::read(const std::string& file) {
  std::ifstream in(file);
  ASSERT_TRUE(in) << file;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("include ")) {
      read(std::filesystem::path(file).parent_path() / line.substr(8));
      expectations_.clear();  // those of the other host
      advice_.clear();
    } else if (line[0] == '/' && line.ends_with(" <<")) {
      std::string text;
      for (std::string more; std::getline(in, more) && more != ">>"; ++number) text += more + '\n';
      ++number;
      root_.write(line.substr(1, line.size() - 4), text);
    } else {
      add_line(line, number);
    }
  }
}

void FixtureHost::add_line(const std::string& line, int number) {
  if (line.starts_with("expect ")) {
    const std::size_t equals = line.find(" = "), colon = line.find(": ", equals);
    ASSERT_NE(colon, std::string::npos) << number << ": " << line;
    expectations_.push_back({trim(line.substr(7, equals - 7)),
                             trim(line.substr(equals + 3, colon - equals - 3)),
                             trim(line.substr(colon + 2)), number});
  } else if (line.starts_with("advise ")) {
    const std::size_t equals = line.find(" = ");
    ASSERT_NE(equals, std::string::npos) << number << ": " << line;
    advice_[line.substr(7, equals - 7)] = trim(line.substr(equals + 3));
  } else if (line.starts_with("run ")) {
    // "run criu check = 0: Looks good." or "run criu check = late"
    const std::size_t equals = line.find(" = "), colon = line.find(": ", equals);
    ASSERT_NE(equals, std::string::npos) << number << ": " << line;
    const bool late = line.substr(equals + 3) == "late";
    Answer answer;
    answer.how = late ? Answer::How::kTooLate : Answer::How::kExited;
    if (!late) {
      answer.code = std::stoi(line.substr(equals + 3));
      answer.out = with_times(line.substr(colon + 2)) + '\n';
    }
    answers_[line.substr(4, equals - 4)] = answer;
  } else if (line.starts_with("deny ")) {
    denied_.push_back(line.substr(5));
  } else if (line.starts_with("remove ")) {
    const std::string gone = line.substr(7);
    EXPECT_GT(std::filesystem::remove_all(path(gone)), 0U) << number << ": " << line;
    std::erase_if(times_, [&](const auto& entry) { return entry.first.starts_with(gone); });
  } else if (line.starts_with("time ")) {
    const std::size_t blank = line.rfind(' ');
    times_[line.substr(5, blank - 5)] = std::stol(line.substr(blank + 1));
  } else if (line.starts_with("units unknown: ")) {
    units_unknown_ = line.substr(15);
  } else if (const std::size_t arrow = line.find(" -> "); arrow != std::string::npos) {
    const std::string name = path(line.substr(0, arrow));
    std::filesystem::create_directories(std::filesystem::path(name).parent_path());
    std::filesystem::remove(name);
    std::filesystem::create_symlink(line.substr(arrow + 4), name);
  } else if (line.ends_with('/')) {
    std::filesystem::create_directories(path(line));
  } else if (const std::size_t colon = line.find(": "); colon != std::string::npos) {
    root_.write(line.substr(1, colon - 1), line.substr(colon + 2) + '\n');
  } else {
    ASSERT_TRUE(line[0] == '/' && line.find(' ') == std::string::npos) << number << ": " << line;
    root_.write(line.substr(1), "");
  }
}

Matrix FixtureHost::probe() {
  ProbeOptions options;
  options.root = sys::HostRoot(root_.path());
  options.updates_helper = "/usr/bin/nines-updates";
  options.units_unknown = units_unknown_;
  options.limit = std::chrono::hours(1);  // what a loaded machine takes is not what is tested
  FixtureCommands commands(answers_, root_.path());
  Matrix matrix;
  // The id for access to files is each thread's own, and takes CAP_DAC_OVERRIDE with it.
  std::thread([&] {
    if (!denied_.empty()) ::setfsuid(kNobody);
    matrix = matrix::probe(options, commands);
  }).join();
  return matrix;
}

}  // namespace nines::matrix
