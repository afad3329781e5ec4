#include "app/unit/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "app/unit/printable.h"
#include "app/unit/word.h"

namespace nines::unit {
namespace {

Error invalid(std::string_view text, std::string detail) {
  return Error(ErrorCode::kInvalidArgument, "parse", printable(text))
      .with_detail(std::move(detail));
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

template <typename T>
bool whole_number(std::string_view text, int base, T& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return ec == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<bool> parse_boolean(std::string_view text) {
  for (const std::string_view yes : {"1", "yes", "y", "true", "t", "on"}) {
    if (equal_ignoring_case(text, yes)) return true;
  }
  for (const std::string_view no : {"0", "no", "n", "false", "f", "off"}) {
    if (equal_ignoring_case(text, no)) return false;
  }
  return invalid(text, fmt::format("'{}' is neither yes nor no", printable(text)));
}

Result<std::uint64_t> parse_unsigned(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits[0] == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  if (!whole_number(digits, base, value)) {
    return invalid(text, fmt::format("'{}' is not a whole number", printable(text)));
  }
  return value;
}

Result<std::int64_t> parse_integer(std::string_view text, std::int64_t min, std::int64_t max) {
  const bool negative = text.starts_with('-');
  Result<std::uint64_t> magnitude = parse_unsigned(negative ? text.substr(1) : text);
  if (!magnitude) return invalid(text, fmt::format("'{}' is not a whole number", printable(text)));
  constexpr std::uint64_t kTop = std::uint64_t{1} << 62;
  const std::int64_t value =
      static_cast<std::int64_t>(std::min(*magnitude, kTop)) * (negative ? -1 : 1);
  if (*magnitude > kTop || value < min || value > max) {
    return invalid(text, fmt::format("'{}' is not between {} and {}", text, min, max));
  }
  return value;
}

Result<mode_t> parse_mode(std::string_view text) {
  unsigned value = 0;
  if (!whole_number(text, 8, value) || value > 07777) {
    return invalid(text, fmt::format("'{}' is not an octal mode such as 0750", printable(text)));
  }
  return static_cast<mode_t>(value);
}

Status add_cpus(std::string_view text, std::vector<unsigned>& cpus) {
  constexpr unsigned kMaxCpu = 8191;  // CONFIG_NR_CPUS of the largest kernels
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), ',', ' ');
  NINES_ASSIGN(const auto words, split_words(spaced, WordRule::kQuoted));
  for (const Word& word : words) {
    const std::string_view range = word.text;
    const std::size_t dash = range.find('-');
    unsigned first = 0;
    unsigned last = 0;
    const bool valid =
        whole_number(range.substr(0, dash), 10, first) &&
        (dash == std::string_view::npos ? (last = first, true)
                                        : whole_number(range.substr(dash + 1), 10, last));
    if (!valid || first > last || last > kMaxCpu) {
      return invalid(text, fmt::format("'{}' is not a CPU number or range", range));
    }
    for (unsigned cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return {};
}

bool valid_variable_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<std::uint64_t> parse_capability(std::string_view name) {
  // Index = number of the capability. @source linux/capability.h
  static constexpr std::string_view kNames[] = {"CHOWN",
                                                "DAC_OVERRIDE",
                                                "DAC_READ_SEARCH",
                                                "FOWNER",
                                                "FSETID",
                                                "KILL",
                                                "SETGID",
                                                "SETUID",
                                                "SETPCAP",
                                                "LINUX_IMMUTABLE",
                                                "NET_BIND_SERVICE",
                                                "NET_BROADCAST",
                                                "NET_ADMIN",
                                                "NET_RAW",
                                                "IPC_LOCK",
                                                "IPC_OWNER",
                                                "SYS_MODULE",
                                                "SYS_RAWIO",
                                                "SYS_CHROOT",
                                                "SYS_PTRACE",
                                                "SYS_PACCT",
                                                "SYS_ADMIN",
                                                "SYS_BOOT",
                                                "SYS_NICE",
                                                "SYS_RESOURCE",
                                                "SYS_TIME",
                                                "SYS_TTY_CONFIG",
                                                "MKNOD",
                                                "LEASE",
                                                "AUDIT_WRITE",
                                                "AUDIT_CONTROL",
                                                "SETFCAP",
                                                "MAC_OVERRIDE",
                                                "MAC_ADMIN",
                                                "SYSLOG",
                                                "WAKE_ALARM",
                                                "BLOCK_SUSPEND",
                                                "AUDIT_READ",
                                                "PERFMON",
                                                "BPF",
                                                "CHECKPOINT_RESTORE"};
  static_assert(kAllCapabilities == (std::uint64_t{1} << std::size(kNames)) - 1);
  constexpr std::size_t kPrefix = 4;
  if (name.size() > kPrefix && equal_ignoring_case(name.substr(0, kPrefix), "CAP_")) {
    for (std::size_t i = 0; i < std::size(kNames); ++i) {
      if (equal_ignoring_case(name.substr(kPrefix), kNames[i])) return std::uint64_t{1} << i;
    }
  }
  return invalid(name, fmt::format("'{}' is not a capability", printable(name)));
}

}  // namespace nines::unit
