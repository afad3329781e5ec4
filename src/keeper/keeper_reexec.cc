// Keeper::execute_anew and Keeper::resume: the keeper replaces its own program, keeping its pid,
// its children and its descriptors.

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/fault_point.h"
#include "keeper/keeper.h"
#include "sys/file.h"
#include "sys/own_program.h"

namespace nines::keeper {
namespace {

Status set_close_on_exec(int fd, bool close) {
  if (::fcntl(fd, F_SETFD, close ? FD_CLOEXEC : 0) != 0) {
    return Error::from_errno(errno, "set close-on-exec", std::to_string(fd));
  }
  return {};
}

// No streams here: they would bring every locale of the C++ library into the keeper.

/// Takes the text up to `end`, and `end`, off the front.
std::string_view cut(std::string_view& text, char end) {
  const std::string_view front = text.substr(0, text.find(end));
  text.remove_prefix(std::min(front.size() + 1, text.size()));
  return front;
}

template <typename T>
Status read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc() && end == text.data() + text.size()) return {};
  return Error(ErrorCode::kCorrupt, "read state of reexec", std::string(text));
}

}  // namespace

Status Keeper::execute_anew() {
  NINES_TRY(fault::hit(FaultPoint::keeper_reexec));
  // The form: "next SEQ", then "held FD NAME" and "exit ..." lines, the latter as on the socket.
  std::string text = fmt::format("next {}\n", next_sequence_);
  for (const auto& [name, fd] : held_) text += fmt::format("held {} {}\n", fd.get(), name);
  for (const ExitRecord& record : exits_) {
    text += encode({Message::Kind::kExit, {}, 0, record}) + "\n";
  }
  const UniqueFd state(::memfd_create("nines-keeper-state", MFD_CLOEXEC));
  if (!state) return Error::from_errno(errno, "create memfd");
  if (::write(state.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Error::from_errno(errno, "write state for reexec");
  }
  ::lseek(state.get(), 0, SEEK_SET);

  std::vector<std::string> arguments = {options_.self_path, "--resume", std::to_string(state.get()),
                                        "--"};
  arguments.insert(arguments.end(), options_.worker_argv.begin(), options_.worker_argv.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  Status prepared = set_close_on_exec(state.get(), false);
  for (const auto& [name, fd] : held_) {
    if (prepared) prepared = set_close_on_exec(fd.get(), false);
  }
  int failure = 0;
  if (prepared) {
    ::execv(options_.self_path.c_str(), argv.data());
    failure = errno;
  }
  for (const auto& [name, fd] : held_) (void)set_close_on_exec(fd.get(), true).has_value();
  if (!prepared) return prepared;
  return Error::from_errno(failure, "execute", options_.self_path)
      .with_hint("the old keeper goes on; repair the installation and try again");
}

Status Keeper::resume() {
  const std::string path = fmt::format("/proc/self/fd/{}", options_.resume_state.get());
  NINES_ASSIGN(const std::string text, sys::read_file(path));
  for (std::string_view lines = text; !lines.empty();) {
    const std::string_view line = cut(lines, '\n');
    std::string_view words = line;
    const std::string_view word = cut(words, ' ');
    if (word == "next") {
      NINES_TRY(read_number(words, next_sequence_));
    } else if (word == "held") {
      int fd = -1;
      NINES_TRY(read_number(cut(words, ' '), fd));
      NINES_TRY(set_close_on_exec(fd, true));
      held_[std::string(words)] = UniqueFd(fd);
    } else {
      NINES_ASSIGN(const Message message, decode(line));
      exits_.push_back(message.exit);
    }
  }
  options_.resume_state.reset();
  ever_ready_ = true;
  return {};
}

Result<Options> parse_options(int argc, char** argv) {
  Options options;
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::size_t i = 0;
  for (; i < arguments.size() && arguments[i] != "--"; ++i) {
    const bool takeover = arguments[i] == "--takeover";
    if ((!takeover && arguments[i] != "--resume") || i + 1 >= arguments.size()) {
      return Error(ErrorCode::kInvalidArgument, "parse argument", arguments[i])
          .with_hint("nines-keeper is started by ninesd and by `nines keep`, not by hand");
    }
    UniqueFd fd(std::atoi(arguments[++i].c_str()));
    NINES_TRY(set_close_on_exec(fd.get(), true));
    (takeover ? options.takeover_socket : options.resume_state) = std::move(fd);
  }
  if (i + 1 >= arguments.size()) {
    return Error(ErrorCode::kInvalidArgument, "parse arguments").with_detail("no worker named");
  }
  options.worker_argv.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                             arguments.end());
  NINES_ASSIGN(options.self_path, sys::own_program());
  return options;
}

}  // namespace nines::keeper
