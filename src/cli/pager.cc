#include "cli/pager.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "cli/text_width.h"

namespace nines::cli {
namespace {

// What a shell ends with when it cannot execute, or does not find. @source POSIX, 2.8.2
constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;

bool is_installed(std::string_view program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string file = std::string(rest.substr(0, end)) + '/' + std::string(program);
    if (::access(file.c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

/// Without the colours that we paint with. @source ECMA-48, 8.3.117
std::string without_colours(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const std::size_t start = std::min(text.find("\x1b["), text.size());
    plain += text.substr(0, start);
    text.remove_prefix(start);
    if (!text.empty()) text.remove_prefix(std::min(text.find('m'), text.size() - 1) + 1);
  }
  return plain;
}

/// Our environment, with what less needs to show colours; and for somebody who runs us by sudo,
/// without the commands by which a pager starts other programs.
std::vector<std::string> environment_of_pager() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  if (std::getenv("LESS") == nullptr) variables.emplace_back("LESS=FRX");
  if (std::getenv("LV") == nullptr) variables.emplace_back("LV=-c");
  if (std::getenv("SUDO_UID") != nullptr) variables.emplace_back("LESSSECURE=1");
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

std::string Pager::command_by_environment() {
  for (const char* name : {"NINES_PAGER", "PAGER"}) {
    const char* value = std::getenv(name);
    if (value == nullptr) continue;
    return std::string_view(value) == "cat" ? "" : value;
  }
  return is_installed("less") ? "less -FRX" : "";
}

Pager::Pager(std::ostream& out, const Terminal& terminal, std::string command)
    : out_(out), terminal_(terminal), command_(std::move(command)) {}

Pager::~Pager() {
  finish();
}

Pager::int_type Pager::overflow(int_type byte) {
  if (traits_type::eq_int_type(byte, traits_type::eof())) return traits_type::not_eof(byte);
  const char text = traits_type::to_char_type(byte);
  return xsputn(&text, 1) == 1 ? byte : traits_type::eof();
}

std::streamsize Pager::xsputn(const char* text, std::streamsize size) {
  if (left_) return 0;
  take(std::string_view(text, static_cast<std::size_t>(size)));
  return size;
}

void Pager::take(std::string_view text) {
  all_ += text;
  if (started_) return feed(text);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    last_line_ += text.substr(0, end);
    if (end == std::string_view::npos) break;
    const std::size_t width = display_width(without_colours(last_line_));
    const std::size_t columns = std::max<std::size_t>(terminal_.width, 1);
    rows_ += std::max<std::size_t>(1, (width + columns - 1) / columns);
    last_line_.clear();
    text.remove_prefix(end + 1);
  }
  // One row is for the prompt of the shell.
  const bool fits = terminal_.height == 0 || rows_ < terminal_.height;
  if (fits || command_.empty()) return;
  if (start()) {
    feed(all_);
  } else {
    command_.clear();
  }
}

bool Pager::start() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, reader.get(), STDIN_FILENO);
  // We ignore SIGPIPE, and what is ignored stays so in what is executed.
  sigset_t defaults;
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> words = {"sh", "-c", command_};
  std::vector<std::string> variables = environment_of_pager();
  const int error = ::posix_spawn(&pid_, "/bin/sh", &actions, &attributes, pointers(words).data(),
                                  pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return false;
  // Ctrl-C is for the pager, which stops searching by it; we would leave the terminal to two
  // readers.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGQUIT, SIG_IGN);
  pipe_ = std::move(writer);
  started_ = true;
  return true;
}

void Pager::feed(std::string_view text) {
  while (!text.empty() && !left_) {
    const ssize_t written = ::write(pipe_.get(), text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      left_ = true;
    }
  }
}

void Pager::finish() {
  if (finished_) return;
  finished_ = true;
  if (!started_) {
    out_ << all_ << std::flush;
    return;
  }
  pipe_.reset();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGQUIT, SIG_DFL);
  const bool never_ran = WIFEXITED(status) && (WEXITSTATUS(status) == kCannotExecute ||
                                               WEXITSTATUS(status) == kNotFound);
  if (never_ran) out_ << all_ << std::flush;
}

}  // namespace nines::cli
