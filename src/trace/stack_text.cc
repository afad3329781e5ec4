#include "trace/stack_text.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>

#include "sys/file.h"
#include "sys/pidfd.h"
#include "trace/sandbox.h"
#include "trace/unwind.h"

namespace nines::trace {
namespace {

constexpr std::size_t kMaxText = 8 << 20;
constexpr int kNoSandbox = 3;
constexpr int kNoUnwinding = 4;

/// Before the text of each thread in the pipe from the child.
struct RecordHeader {
  std::uint32_t index;
  std::uint32_t bytes;
};

[[noreturn]] void unwind_in_sandbox(Snapshot& snapshot, int output) {
  if (!enter_sandbox()) ::_exit(kNoSandbox);
  const Status done = unwind(snapshot, [output](std::size_t index, const std::string& frames) {
    const RecordHeader header{static_cast<std::uint32_t>(index),
                              static_cast<std::uint32_t>(frames.size())};
    const std::string_view head(reinterpret_cast<const char*>(&header), sizeof header);
    if (!sys::write_all(output, head, "the stacks") ||
        !sys::write_all(output, frames, "the stacks")) {
      ::_exit(kNoUnwinding);
    }
  });
  ::_exit(done ? 0 : kNoUnwinding);
}

std::string read_to_end(int fd) {
  std::string bytes;
  char buffer[16 << 10];
  while (bytes.size() < kMaxText) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
  return bytes;
}

/// Symbol and file names come from the other program: none may move an operator's cursor.
std::string printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c != '\n' && (byte < 0x20 || byte >= 0x7f)) c = '?';
  }
  return text;
}

/// Takes whole records only: a child that died in the middle of one leaves half of it.
std::map<std::size_t, std::string> parse_records(std::string_view bytes) {
  std::map<std::size_t, std::string> frames;
  RecordHeader header{};
  while (bytes.size() >= sizeof header) {
    std::memcpy(&header, bytes.data(), sizeof header);
    bytes.remove_prefix(sizeof header);
    if (bytes.size() < header.bytes) break;
    frames[header.index] = bytes.substr(0, header.bytes);
    bytes.remove_prefix(header.bytes);
  }
  return frames;
}

struct Unwound {
  std::map<std::size_t, std::string> frames;  ///< by index of the thread
  sys::ExitStatus status;
};

Result<Unwound> unwind_in_child(Snapshot& snapshot) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe");
  UniqueFd from_child(ends[0]);
  UniqueFd to_parent(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return Error::from_errno(errno, "fork");
  if (child == 0) unwind_in_sandbox(snapshot, to_parent.get());
  to_parent.reset();
  Unwound result;
  result.frames = parse_records(read_to_end(from_child.get()));
  from_child.reset();  // a child that has more to say than we take ends here
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = sys::exit_status_from_wait(status);
  return result;
}

std::string thread_text(const Snapshot& snapshot, const ThreadSnapshot& thread,
                        const std::string& frames) {
  std::string text = fmt::format("\nthread {} ({}), state {}, waits in {}\n", thread.tid,
                                 thread.comm, thread.state, thread.wchan);
  if (!frames.empty()) return text + frames;
  if (!thread.registers) return text + "  did not stop in time; its stack cannot be read\n";
  return text + fmt::format("  #0  {:#018x} {} (not unwound)\n",
                            static_cast<std::uint64_t>(thread.registers->pc),
                            snapshot.describe(thread.registers->pc));
}

}  // namespace

std::string render_stacks(Snapshot snapshot) {
  std::string text =
      fmt::format("stacks of process {}, {} threads\n", snapshot.pid, snapshot.threads.size());
  const auto unwound = unwind_in_child(snapshot);
  if (!unwound) {
    text += fmt::format("not unwound: {}\n", unwound.error().message());
  } else if (!unwound->status.success()) {
    text += fmt::format("not all unwound: the unwinder ended with {}\n",
                        sys::to_string(unwound->status));
  }
  for (std::size_t i = 0; i < snapshot.threads.size(); ++i) {
    std::string frames;
    if (unwound && unwound->frames.contains(i)) frames = unwound->frames.at(i);
    text += thread_text(snapshot, snapshot.threads[i], frames);
  }
  return printable(std::move(text));
}

Result<std::string> stack_text(const ProcessId& process, Nanoseconds stop_within) {
  NINES_ASSIGN(auto snapshot, take_snapshot(process, stop_within));
  return render_stacks(std::move(snapshot));
}

}  // namespace nines::trace
