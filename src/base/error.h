// One error type for every room. Libraries return it; only the edges (daemon, cli, web) print it.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

namespace nines {

/// What kind of failure it was. Callers and tests decide on this, never on the text.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  ///< the caller's or the user's input is wrong
  kNotFound,
  kExists,
  kDenied,  ///< EPERM, EACCES
  kGone,    ///< the process, connection or object ended meanwhile
  kBusy,    ///< somebody else holds it; may work later
  kNoSpace,
  kLimit,  ///< a bound of ours or of the kernel was reached
  kTimeout,
  kUnsupported,  ///< this kernel, machine or build cannot do it
  kCorrupt,      ///< stored or received bytes are not what they must be
  kIo,
  kCancelled,
  kInjected,  ///< a FaultPoint fired (tests only)
  kInternal,  ///< our own bug
};

/// @return a stable lower-case word, e.g. "not-found"; part of the JSON API.
std::string_view to_string(ErrorCode code);

/// Maps errno to the nearest ErrorCode.
ErrorCode error_code_from_errno(int errno_value);

/// A failure: what was being done (`op`), to what (`subject`), why (`code`, `errno_value`,
/// `detail`), and what the user can do about it (`hint`).
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string op, std::string subject = {},
        std::source_location where = std::source_location::current());

  /// From the current value of errno (or `errno_value`), right after a failed system call.
  static Error from_errno(int errno_value, std::string op, std::string subject = {},
                          std::source_location where = std::source_location::current());

  ErrorCode code() const { return code_; }
  int errno_value() const { return errno_value_; }  ///< 0 when no system call failed
  const std::string& op() const { return op_; }
  const std::string& subject() const { return subject_; }
  const std::string& detail() const { return detail_; }
  const std::string& hint() const { return hint_; }
  const std::source_location& where() const { return where_; }

  /// Adds why, in words. Returns *this for chaining.
  Error&& with_detail(std::string detail) &&;
  /// Adds what the user can do. Returns *this for chaining.
  Error&& with_hint(std::string hint) &&;
  /// Adds what the caller was doing, on the way up: "start redis.service: <this error>".
  Error&& in(std::string_view context) &&;

  /// One line for a person: "context: op subject: detail or strerror". Without the hint.
  std::string message() const;

 private:
  ErrorCode code_;
  int errno_value_ = 0;
  std::string op_;
  std::string subject_;
  std::string detail_;
  std::string hint_;
  std::string context_;
  std::source_location where_;
};

}  // namespace nines
