// The parser of /proc/PID/stat: apart from procfs.cc because its input is what a hostile process
// wrote into its own name, and a fuzzer runs it.
#include <unistd.h>

#include <array>
#include <charconv>
#include <limits>

#include "sys/procfs.h"

namespace nines::sys {
namespace {

// Numbers of the fields behind the command, as proc_pid_stat(5) counts them.
constexpr std::size_t kFirstField = 4;
constexpr std::size_t kParent = 4;
constexpr std::size_t kFlags = 9;
constexpr std::size_t kUserTicks = 14;
constexpr std::size_t kSystemTicks = 15;
constexpr std::size_t kThreads = 20;
constexpr std::size_t kStart = 22;
constexpr std::size_t kResidentPages = 24;

constexpr std::uint64_t kForkedNotExecuted = 0x40;

Error corrupt(const char* what) {
  return Error(ErrorCode::kCorrupt, "parse process stat").with_detail(what);
}

template <typename T>
bool parse_whole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

/// Fields 4 to 24. Signed ones (terminal group, priority, nice) are two's complement here.
class Fields {
 public:
  static Result<Fields> parse(std::string_view text) {
    Fields fields;
    for (auto& value : fields.values_) {
      if (text.empty() || text.front() != ' ') return corrupt("too few fields");
      text.remove_prefix(1);
      const std::string_view field = text.substr(0, text.find_first_of(" \n"));
      text.remove_prefix(field.size());
      std::int64_t as_signed = 0;
      if (!parse_whole(field, value)) {
        if (!parse_whole(field, as_signed)) return corrupt("a field is not a number");
        value = static_cast<std::uint64_t>(as_signed);
      }
    }
    return fields;
  }
  std::uint64_t operator[](std::size_t number) const { return values_[number - kFirstField]; }

 private:
  std::array<std::uint64_t, kResidentPages - kFirstField + 1> values_{};
};

bool fits_pid(std::uint64_t value) {
  return value <= static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max());
}

}  // namespace

Result<ProcessStat> parse_process_stat(std::string_view line) {
  const auto open = line.find(" (");
  const auto close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) {
    return corrupt("no command in parentheses");
  }
  ProcessStat stat;
  if (!parse_whole(line.substr(0, open), stat.id.pid) || stat.id.pid <= 0) {
    return corrupt("no pid");
  }
  stat.command = line.substr(open + 2, close - open - 2);
  std::string_view rest = line.substr(close + 1);
  if (rest.size() < 2 || rest[0] != ' ' || rest[1] == ' ') return corrupt("no state");
  stat.state = rest[1];
  rest.remove_prefix(2);

  NINES_ASSIGN(const Fields fields, Fields::parse(rest));
  if (!fits_pid(fields[kParent])) return corrupt("parent out of range");
  stat.parent = static_cast<pid_t>(fields[kParent]);
  stat.before_exec = (fields[kFlags] & kForkedNotExecuted) != 0;
  stat.user_ticks = fields[kUserTicks];
  stat.system_ticks = fields[kSystemTicks];
  if (!fits_pid(fields[kThreads])) return corrupt("threads out of range");
  stat.threads = static_cast<std::uint32_t>(fields[kThreads]);
  stat.id.start = StartTime{fields[kStart]};
  static const auto page_size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (fields[kResidentPages] > std::numeric_limits<std::uint64_t>::max() / page_size) {
    return corrupt("resident size out of range");
  }
  stat.resident = Bytes{fields[kResidentPages] * page_size};
  return stat;
}

}  // namespace nines::sys
