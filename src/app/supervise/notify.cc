#include "app/supervise/notify.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

#include "app/supervise/utf8.h"

namespace nines::supervise {
namespace {

template <typename T>
std::optional<T> parse_integer(std::string_view text, T min, T max) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < min || value > max) return std::nullopt;
  return value;
}

std::optional<Nanoseconds> parse_span_usec(std::string_view text) {
  const auto usec =
      parse_integer<std::uint64_t>(text, 0, std::numeric_limits<std::uint64_t>::max());
  if (!usec) return std::nullopt;
  constexpr auto kMaxUsec = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(kMaxNotifySpan).count());
  if (*usec > kMaxUsec) return kMaxNotifySpan;
  return std::chrono::microseconds(static_cast<std::int64_t>(*usec));
}

// systemd's fdname_is_valid().
bool valid_fd_name(std::string_view name) {
  if (name.empty() || name.size() > 255) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return c >= ' ' && c < 127 && c != ':'; });
}

// Assigns unless the field came before; false: the value made no sense.
template <typename T>
bool assign_once(std::optional<T>& field, std::optional<T> value) {
  if (!value) return false;
  if (!field) field = std::move(value);
  return true;
}

// "1" sets a flag. Other values are legal and mean nothing (READY=0 is never sent by sd_notify).
bool set_flag(bool& flag, std::string_view value) {
  flag = flag || value == "1";
  return true;
}

bool take_watchdog(NotifyMessage& m, std::string_view value) {
  m.watchdog_ping = m.watchdog_ping || value == "1";
  m.watchdog_trigger = m.watchdog_trigger || value == "trigger";
  return value == "1" || value == "trigger";
}

bool take_status(NotifyMessage& m, std::string_view value) {
  if (!is_valid_utf8(value)) return false;
  if (!m.status) m.status = replace_control_characters(value);
  return true;
}

bool take_fd_name(NotifyMessage& m, std::string_view value) {
  if (!valid_fd_name(value)) return false;
  if (m.fd_name.empty()) m.fd_name = value;
  return true;
}

bool take_fd_poll(NotifyMessage& m, std::string_view value) {
  m.fd_poll = m.fd_poll && value != "0";
  return value == "0" || value == "1";
}

struct Field {
  std::string_view name;
  bool (*take)(NotifyMessage&, std::string_view value);
};

constexpr std::array kFields = {
    Field{"READY", [](auto& m, auto v) { return set_flag(m.ready, v); }},
    Field{"RELOADING", [](auto& m, auto v) { return set_flag(m.reloading, v); }},
    Field{"STOPPING", [](auto& m, auto v) { return set_flag(m.stopping, v); }},
    Field{"FDSTORE", [](auto& m, auto v) { return set_flag(m.fd_store, v); }},
    Field{"FDSTOREREMOVE", [](auto& m, auto v) { return set_flag(m.fd_store_remove, v); }},
    Field{"BARRIER", [](auto& m, auto v) { return set_flag(m.barrier, v); }},
    Field{"WATCHDOG", take_watchdog},
    Field{"STATUS", take_status},
    Field{"FDNAME", take_fd_name},
    Field{"FDPOLL", take_fd_poll},
    Field{"MAINPID",
          [](auto& m, auto v) {
            constexpr pid_t kMax = std::numeric_limits<pid_t>::max();
            return assign_once(m.main_pid, parse_integer<pid_t>(v, 1, kMax));
          }},
    Field{"ERRNO",
          [](auto& m, auto v) {
            return assign_once(m.error_number, parse_integer<int>(v, 0, 4095));
          }},
    Field{
        "EXIT_STATUS",
        [](auto& m, auto v) { return assign_once(m.exit_status, parse_integer<int>(v, 0, 255)); }},
    Field{"WATCHDOG_USEC",
          [](auto& m, auto v) { return assign_once(m.watchdog_interval, parse_span_usec(v)); }},
    Field{"EXTEND_TIMEOUT_USEC",
          [](auto& m, auto v) { return assign_once(m.extend_timeout, parse_span_usec(v)); }},
    Field{"MONOTONIC_USEC",
          [](auto& m, auto v) {
            constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
            return assign_once(m.monotonic_usec, parse_integer<std::uint64_t>(v, 0, kMax));
          }},
};

void take_line(NotifyMessage& message, std::string_view line) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view name = line.substr(0, equals);
  const auto field = std::find_if(kFields.begin(), kFields.end(),
                                  [name](const Field& f) { return f.name == name; });
  if (field == kFields.end()) return;
  if (field->take(message, line.substr(equals + 1))) return;
  auto& bad = message.malformed_fields;
  // One mention a name: a datagram of 4 KiB can repeat it a thousand times.
  if (std::find(bad.begin(), bad.end(), field->name) == bad.end()) bad.push_back(field->name);
}

}  // namespace

Result<NotifyMessage> parse_notify(std::string_view datagram) {
  if (datagram.size() > kMaxNotifyBytes) {
    return Error(ErrorCode::kLimit, "read notification")
        .with_detail(fmt::format("longer than {} bytes", kMaxNotifyBytes));
  }
  if (datagram.ends_with('\0')) datagram.remove_suffix(1);
  if (datagram.find('\0') != std::string_view::npos) {
    return Error(ErrorCode::kCorrupt, "read notification").with_detail("contains a NUL byte");
  }
  NotifyMessage message;
  while (!datagram.empty()) {
    const auto end = std::min(datagram.find('\n'), datagram.size());
    take_line(message, datagram.substr(0, end));
    datagram.remove_prefix(std::min(end + 1, datagram.size()));
  }
  return message;
}

}  // namespace nines::supervise
