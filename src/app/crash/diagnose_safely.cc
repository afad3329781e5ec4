#include "app/crash/diagnose_safely.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "app/crash/diagnosis_json.h"
#include "base/clock.h"
#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's
#include "sys/pidfd.h"
#include "sys/unix_socket.h"
#include "trace/file_server.h"
#include "trace/mapped_bytes.h"
#include "trace/sandbox.h"

namespace nines::crash {
namespace {

constexpr std::size_t kMaxAnswer = std::size_t{256} << 20;
constexpr unsigned kCpuSeconds = 10;
constexpr std::chrono::seconds kPatience{20};
// Mapped files count, and one with debug information may be some GiB.
constexpr std::uint64_t kAddressSpace = std::uint64_t{16} << 30;
constexpr int kNoSandbox = 3;
constexpr int kNobodyListens = 4;

/// Before the text from the child: a document follows, or a failure's code and its message.
constexpr char kDocument = 'D', kFailure = 'F';

void say(int fd, const std::string& text) {
  if (!sys::write_all(fd, text, "the diagnosis")) ::_exit(kNobodyListens);
}

std::vector<UniqueFd> copies_of(const std::vector<UniqueFd>& files) {
  std::vector<UniqueFd> copies;
  for (const UniqueFd& file : files) {
    copies.emplace_back(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  }
  return copies;
}

[[noreturn]] void work(int core, const std::vector<UniqueFd>& extra, Depth depth, int socket,
                       int output) {
  std::vector<UniqueFd> given = copies_of(extra);
  if (!trace::enter_sandbox({kCpuSeconds, kAddressSpace, true})) ::_exit(kNoSandbox);
  const trace::FileClient client(socket);
  const bool alone = depth == Depth::kCoreOnly;
  if (alone) given.clear();
  trace::FileSource files(alone ? nullptr : &client, std::move(given));
  const trace::MappedBytes bytes(core);
  const auto diagnosis = diagnose(bytes.bytes(), &files, depth);
  if (diagnosis) {
    say(output, kDocument + diagnosis_json(*diagnosis));
  } else {
    const std::string text{kFailure, static_cast<char>(diagnosis.error().code())};
    say(output, text + diagnosis.error().detail());
  }
  ::_exit(0);
}

/// Serves the child until it has said everything. @errors kTimeout, kLimit.
Result<std::string> serve(int socket, int output) {
  const BootTime deadline = boot_now() + kPatience;
  std::string answer;
  bool serving = true;
  std::array<char, 64 << 10> buffer;
  while (answer.size() < kMaxAnswer) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - boot_now());
    if (left.count() <= 0) return Error(ErrorCode::kTimeout, "diagnose core");
    std::array<pollfd, 2> ready{{{output, POLLIN, 0}, {serving ? socket : -1, POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), static_cast<int>(left.count())) <= 0) continue;
    if (ready[1].revents != 0) serving = trace::serve_file(socket);
    if (ready[0].revents == 0) continue;
    const ssize_t n = ::read(output, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return Error(ErrorCode::kLimit, "diagnose core").with_detail("the document is too large");
}

sys::ExitStatus end(pid_t child) {
  // It is our child, and nobody else reaps it: the pid is still its own.
  (void)::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return sys::exit_status_from_wait(status);
}

Result<Diagnosis> understand(const std::string& answer, const sys::ExitStatus& status) {
  if (answer.size() > 1 && answer.front() == kDocument && status.success()) {
    return parse_diagnosis(std::string_view(answer).substr(1));
  }
  if (answer.size() > 1 && answer.front() == kFailure && status.success()) {
    const auto code = static_cast<unsigned char>(answer[1]);
    return Error(code <= static_cast<unsigned char>(ErrorCode::kInternal)
                     ? static_cast<ErrorCode>(code)
                     : ErrorCode::kInternal,
                 "diagnose core")
        .with_detail(answer.substr(2));
  }
  if (status.kind == sys::ExitStatus::Kind::kExited && status.value == kNoSandbox) {
    return Error(ErrorCode::kUnsupported, "diagnose core")
        .with_detail("what a stranger has written is only parsed in a sandbox, and there is none")
        .with_hint("run it where seccomp filters may be set, as outside of a container");
  }
  return Error(ErrorCode::kInternal, "diagnose core")
      .with_detail("its parser ended with " + sys::to_string(status));
}

Result<Diagnosis> attempt(int core, const std::vector<UniqueFd>& extra, Depth depth) {
  int ends[2];
  NINES_ASSIGN(auto sockets, sys::seqpacket_pair());
  UniqueFd ours = std::move(sockets.first), theirs = std::move(sockets.second);
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe");
  UniqueFd from_child(ends[0]), to_parent(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return Error::from_errno(errno, "fork");
  if (child == 0) work(core, extra, depth, theirs.get(), to_parent.get());
  theirs.reset();
  to_parent.reset();
  auto answer = serve(ours.get(), from_child.get());
  ours.reset();
  if (!answer) {
    end(child);
    return std::move(answer.error());
  }
  // All of its answer is here: it ends by itself, unless it lies.
  int status = 0;
  const BootTime until = boot_now() + std::chrono::seconds(1);
  pid_t ended = 0;
  while ((ended = ::waitpid(child, &status, WNOHANG)) == 0 && boot_now() < until) ::usleep(200);
  if (ended == 0) return understand(*answer, end(child));
  return understand(*answer, sys::exit_status_from_wait(status));
}

/// The failures that are the core's own, and which no other way of looking at it mends.
bool is_final(ErrorCode code) {
  return code == ErrorCode::kCorrupt || code == ErrorCode::kUnsupported;
}

}  // namespace

Result<Diagnosis> diagnose_safely(int core, const std::vector<UniqueFd>& extra, Depth depth) {
  std::vector<Depth> depths{depth};
  for (const Depth less : {Depth::kNoDwarf, Depth::kNoNames, Depth::kCoreOnly}) {
    if (depth != Depth::kSignature && less < depth) depths.push_back(less);
  }
  std::string failed;
  for (std::size_t i = 0; i < depths.size(); ++i) {
    auto diagnosis = attempt(core, extra, depths[i]);
    if (diagnosis) {
      if (!failed.empty()) diagnosis->notes.push_back(failed);
      return diagnosis;
    }
    if (is_final(diagnosis.error().code()) || i + 1 == depths.size()) return diagnosis;
    constexpr std::array<std::string_view, 3> kWithout = {"lines and inlined functions", "names",
                                                          "any file but the core"};
    failed = fmt::format("A file could not be digested ({}): diagnosed without {}.",
                         diagnosis.error().message(),
                         kWithout[std::min<std::size_t>(i, kWithout.size() - 1)]);
  }
  return Error(ErrorCode::kInternal, "diagnose core");
}

}  // namespace nines::crash
