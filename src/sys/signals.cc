#include "sys/signals.h"

#include <fmt/format.h>

#include <string.h>  // NOLINT(modernize-deprecated-headers): sigabbrev_np is not in <cstring>
#include <sys/signalfd.h>

#include <cerrno>
#include <charconv>

namespace nines::sys {
namespace {

std::optional<int> parse_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "", "+3" behind RTMIN; "", "-1" behind RTMAX.
std::optional<int> parse_real_time(std::string_view text) {
  const bool from_least = text.starts_with("RTMIN");
  if (!from_least && !text.starts_with("RTMAX")) return std::nullopt;
  text.remove_prefix(5);
  int offset = 0;
  if (!text.empty()) {
    const auto number = parse_number(text.substr(1));
    if (text.front() != (from_least ? '+' : '-') || !number || *number < 0 ||
        *number > SIGRTMAX - SIGRTMIN) {
      return std::nullopt;
    }
    offset = *number;
  }
  return from_least ? SIGRTMIN + offset : SIGRTMAX - offset;
}

std::optional<int> parse_name(std::string_view text) {
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* name = ::sigabbrev_np(signal);
    if (name != nullptr && text == name) return signal;
  }
  // Other names of the same signals that signal(7) lists.
  if (text == "IOT") return SIGABRT;
  if (text == "CLD") return SIGCHLD;
  if (text == "IO") return SIGIO;
  return std::nullopt;
}

Result<sigset_t> set_of(const std::vector<int>& signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) {
    if (::sigaddset(&set, signal) != 0) {
      return Error::from_errno(errno, "name signal", std::to_string(signal));
    }
  }
  return set;
}

Status change_mask(int how, const std::vector<int>& signals) {
  NINES_ASSIGN(const sigset_t set, set_of(signals));
  const int error = ::pthread_sigmask(how, &set, nullptr);
  if (error != 0) return Error::from_errno(error, "change signal mask");
  return {};
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  std::optional<int> signal = parse_number(text);
  if (signal && (*signal < 1 || *signal > SIGRTMAX)) signal.reset();
  if (!signal) {
    std::string_view name = text;
    if (name.starts_with("SIG")) name.remove_prefix(3);
    signal = parse_name(name);
    if (!signal) signal = parse_real_time(name);
  }
  if (signal) return *signal;
  return Error(ErrorCode::kInvalidArgument, "parse signal", std::string(text))
      .with_detail("not the name or number of a signal");
}

std::string signal_name(int signal) {
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) {
    return signal == SIGRTMIN ? "SIGRTMIN" : fmt::format("SIGRTMIN+{}", signal - SIGRTMIN);
  }
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : std::to_string(signal);
}

Status block_signals(const std::vector<int>& signals) {
  return change_mask(SIG_BLOCK, signals);
}

Status unblock_signals(const std::vector<int>& signals) {
  return change_mask(SIG_UNBLOCK, signals);
}

Result<SignalFd> SignalFd::open(const std::vector<int>& signals) {
  NINES_ASSIGN(const sigset_t set, set_of(signals));
  NINES_TRY(block_signals(signals));
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return Error::from_errno(errno, "open signalfd");
  return SignalFd(std::move(fd));
}

Result<std::optional<ReceivedSignal>> SignalFd::read() {
  for (;;) {
    signalfd_siginfo info{};
    const ssize_t size = ::read(fd_.get(), &info, sizeof info);
    if (size == static_cast<ssize_t>(sizeof info)) {
      return std::optional(ReceivedSignal{static_cast<int>(info.ssi_signo),
                                          static_cast<pid_t>(info.ssi_pid), info.ssi_uid});
    }
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return std::optional<ReceivedSignal>();
    return Error::from_errno(size < 0 ? errno : EIO, "read signalfd");
  }
}

}  // namespace nines::sys
