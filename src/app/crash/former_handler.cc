#include "app/crash/former_handler.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "app/crash/core_stream.h"
#include "app/crash/former_file.h"
#include "app/crash/former_pattern.h"
#include "sys/file.h"
#include "sys/procfs.h"
#include "sys/spawn.h"

namespace nines::crash {
namespace {

std::string text_of(const std::string& path) {
  auto text = sys::read_file(path, Bytes{4096});
  if (!text) return {};
  while (text->ends_with('\n')) text->pop_back();
  return std::move(*text);
}

/// The soft limit; 0 where it cannot be read. @source proc_pid_limits(5)
std::uint64_t core_limit_of(pid_t pid) {
  constexpr std::string_view kName = "\nMax core file size";
  const std::string text = text_of(fmt::format("/proc/{}/limits", pid));
  const auto name = text.find(kName);
  if (name == std::string::npos) return 0;
  const auto value = text.find_first_not_of(' ', name + kName.size());
  if (value == std::string::npos) return 0;
  if (text.compare(value, 9, "unlimited") == 0) return UINT64_MAX;
  std::uint64_t limit = 0;
  std::from_chars(text.data() + value, text.data() + text.size(), limit);
  return limit;
}

PatternFacts facts_for(const Victim& victim, const elf::CoreHead& head) {
  PatternFacts facts;
  facts.pid = victim.pid;
  facts.pid_inside = head.pid;
  facts.thread_inside = head.threads.front().tid;
  // In another pid namespace only the process's own number is known outside.
  facts.thread = head.pid == victim.pid ? facts.thread_inside : victim.pid;
  facts.uid = head.uid;
  facts.gid = head.gid;
  facts.dumpable = victim.by_owner ? 1 : 2;
  facts.signal = head.signal.number;
  facts.time_s = utc_now().ns / 1'000'000'000;
  facts.core_limit = core_limit_of(victim.pid);
  facts.host = text_of("/proc/sys/kernel/hostname");
  facts.name = head.name;
  if (auto path = sys::Procfs().executable(victim.pid)) facts.executable = std::move(*path);
  return facts;
}

int wait_for(const sys::Pidfd& process, BootTime deadline) {
  pollfd ended{process.fd(), POLLIN, 0};
  while ((deadline - boot_now()).count() > 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - boot_now());
    if (::poll(&ended, 1, static_cast<int>(left.count()) + 1) > 0) break;
  }
  if (!process.has_exited()) (void)process.send_signal(SIGKILL).has_value();
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(process.fd()), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

Result<std::string> feed(const std::vector<std::string>& command, const Victim& victim,
                         const CoreStart& start, BootTime deadline) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe");
  UniqueFd theirs(ends[0]), ours(ends[1]);
  sys::SpawnRequest request;
  request.path = command.front();
  request.argv = command;
  // call_usermodehelper() gives these.
  request.environment = {"HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin"};
  request.stdin_fd = theirs.get();
  request.pass_fds = {victim.process.fd()};
  NINES_ASSIGN(const sys::SpawnedProcess handler, sys::spawn(request));
  theirs.reset();
  const Status fed = copy_core(victim.stream, start.bytes, ours.get(), UINT64_MAX, deadline);
  ours.reset();
  const int code = wait_for(handler.pidfd, deadline);
  // One that has read enough closes its end, which is no failure.
  if (!fed && fed.error().errno_value() != EPIPE) return fed.error();
  return fmt::format("{} (ended with {})", command.front(), code);
}

}  // namespace

Result<std::string> pass_to_former(const std::string& pattern, const Victim& victim,
                                   const CoreStart& start, BootTime deadline) {
  const bool is_command = pattern.starts_with('|');
  if (pattern.starts_with('@') || (!is_command && !victim.by_owner)) {
    return Error(ErrorCode::kUnsupported, "pass a crash to", pattern);
  }
  const PatternFacts facts = facts_for(victim, start.head);
  if (victim.process.has_exited()) {
    return Error(ErrorCode::kGone, "pass a crash on", std::to_string(victim.pid));
  }
  if (is_command) {
    const auto command = command_of(pattern, facts);
    if (command.empty()) return Error(ErrorCode::kInvalidArgument, "pass a crash to", pattern);
    return feed(command, victim, start, deadline);
  }
  if (pattern.empty()) return std::string("nobody, as the former core_pattern says");
  const bool with_pid = text_of("/proc/sys/kernel/core_uses_pid") == "1";
  const std::string file = file_of(pattern, facts, with_pid);
  constexpr std::uint64_t kLeast = 4096;  // fs/binfmt_elf.c: min_coredump
  if (facts.core_limit < kLeast) {
    return fmt::format("no file: its core limit is {}", facts.core_limit);
  }
  NINES_TRY(write_former_file(file, victim, start.bytes, facts.core_limit, deadline));
  return "file " + file;
}

}  // namespace nines::crash
