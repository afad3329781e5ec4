// Signals and exit statuses by name.
#include <fmt/format.h>

#include <csignal>
#include <cstring>

#include "app/unit/printable.h"
#include "app/unit/value.h"

namespace nines::unit {
namespace {

struct Name {
  std::string_view name;
  int value;
};

/// @source systemd.exec(5) "Process Exit Codes", sysexits.h
constexpr Name kExitCodes[] = {
    {"SUCCESS", 0},
    {"FAILURE", 1},
    {"INVALIDARGUMENT", 2},
    {"NOTIMPLEMENTED", 3},
    {"NOPERMISSION", 4},
    {"NOTINSTALLED", 5},
    {"NOTCONFIGURED", 6},
    {"NOTRUNNING", 7},
    {"USAGE", 64},
    {"DATAERR", 65},
    {"NOINPUT", 66},
    {"NOUSER", 67},
    {"NOHOST", 68},
    {"UNAVAILABLE", 69},
    {"SOFTWARE", 70},
    {"OSERR", 71},
    {"OSFILE", 72},
    {"CANTCREAT", 73},
    {"IOERR", 74},
    {"TEMPFAIL", 75},
    {"PROTOCOL", 76},
    {"NOPERM", 77},
    {"CONFIG", 78},
    {"CHDIR", 200},
    {"NICE", 201},
    {"FDS", 202},
    {"EXEC", 203},
    {"MEMORY", 204},
    {"LIMITS", 205},
    {"OOM_ADJUST", 206},
    {"SIGNAL_MASK", 207},
    {"STDIN", 208},
    {"STDOUT", 209},
    {"CHROOT", 210},
    {"IOPRIO", 211},
    {"TIMERSLACK", 212},
    {"SECUREBITS", 213},
    {"SETSCHEDULER", 214},
    {"CPUAFFINITY", 215},
    {"GROUP", 216},
    {"USER", 217},
    {"CAPABILITIES", 218},
    {"CGROUP", 219},
    {"SETSID", 220},
    {"CONFIRM", 221},
    {"STDERR", 222},
    {"PAM", 224},
    {"NETWORK", 225},
    {"NAMESPACE", 226},
    {"NO_NEW_PRIVILEGES", 227},
    {"SECCOMP", 228},
    {"SELINUX_CONTEXT", 229},
    {"PERSONALITY", 230},
    {"APPARMOR_PROFILE", 231},
    {"ADDRESS_FAMILIES", 232},
    {"RUNTIME_DIRECTORY", 233},
    {"CHOWN", 235},
    {"SMACK_PROCESS_LABEL", 236},
    {"KEYRING", 237},
    {"STATE_DIRECTORY", 238},
    {"CACHE_DIRECTORY", 239},
    {"LOGS_DIRECTORY", 240},
    {"CONFIGURATION_DIRECTORY", 241},
    {"NUMA_POLICY", 242},
    {"CREDENTIALS", 243},
    {"BPF", 245},
    {"EXCEPTION", 255},
};

constexpr Name kSignalAliases[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGIO}};

/// RTMIN, RTMIN+3, RTMAX-1. @return 0 if it is none of them.
int real_time_signal(std::string_view name) {
  const bool from_min = name.starts_with("RTMIN");
  if (!from_min && !name.starts_with("RTMAX")) return 0;
  std::string_view rest = name.substr(5);
  const int base = from_min ? SIGRTMIN : SIGRTMAX;
  if (rest.empty()) return base;
  if (rest[0] != (from_min ? '+' : '-')) return 0;
  const Result<std::int64_t> distance = parse_integer(rest.substr(1), 0, SIGRTMAX - SIGRTMIN);
  if (!distance) return 0;
  return from_min ? base + static_cast<int>(*distance) : base - static_cast<int>(*distance);
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  std::string_view name = text;
  if (!name.empty() && name[0] >= '0' && name[0] <= '9') {
    const Result<std::int64_t> number = parse_integer(name, 1, SIGRTMAX);
    if (number) return static_cast<int>(*number);
  }
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  for (const Name& alias : kSignalAliases) {
    if (alias.name == name) return alias.value;
  }
  if (const int signal = real_time_signal(name); signal != 0) return signal;
  return Error(ErrorCode::kInvalidArgument, "parse", printable(text))
      .with_detail(fmt::format("'{}' is not a signal such as SIGTERM", printable(text)));
}

std::string signal_name(int signal) {
  if (const char* name = ::sigabbrev_np(signal)) return std::string("SIG") + name;
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) {
    return signal == SIGRTMIN ? "SIGRTMIN" : fmt::format("SIGRTMIN+{}", signal - SIGRTMIN);
  }
  return fmt::format("signal {}", signal);
}

Status add_exit_status(std::string_view word, ExitStatusSet& set) {
  if (const Result<std::int64_t> code = parse_integer(word, 0, 255)) {
    set.codes.insert(static_cast<int>(*code));
    return {};
  }
  for (const Name& code : kExitCodes) {
    if (code.name == word) {
      set.codes.insert(code.value);
      return {};
    }
  }
  const Result<int> signal = parse_signal(word);
  if (!signal) {
    return Error(ErrorCode::kInvalidArgument, "parse", printable(word))
        .with_detail(fmt::format("'{}' is neither an exit code nor a signal", printable(word)));
  }
  set.signals.insert(*signal);
  return {};
}

}  // namespace nines::unit
