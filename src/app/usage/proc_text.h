// Parsers of what the kernel writes about a process. Names inside may be anybody's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace nines::usage {

/// Soft limits of /proc/PID/limits; infinity: none, or not said.
/// @source proc_pid_limits(5), getrlimit(2)
struct SoftLimits {
  double descriptors;    ///< RLIMIT_NOFILE
  double tasks_of_user;  ///< RLIMIT_NPROC
  double address_space;  ///< RLIMIT_AS, bytes
  double data;           ///< RLIMIT_DATA, bytes
};
SoftLimits parse_limits(std::string_view text);

/// What /proc/PID/status says; a field that is not there (a kernel thread has no memory) is 0.
/// @source proc_pid_status(5), capabilities(7)
struct StatusFacts {
  uid_t real_user = 0;
  std::uint64_t capabilities = 0;  ///< effective
  double address_space = 0;        ///< bytes: VmSize
  double data = 0;                 ///< VmData
  double resident = 0;             ///< VmRSS
  double swap = 0;                 ///< VmSwap
};
StatusFacts parse_status(std::string_view text);

/// An open file, by /proc/PID/fdinfo/FD. @source proc_pid_fdinfo(5)
struct OpenFile {
  bool for_writing = false;
  int mount = -1;  ///< id in /proc/PID/mountinfo
};
/// @return empty: flags or mnt_id are missing.
std::optional<OpenFile> parse_fdinfo(std::string_view text);

/// A file of one number; "max" is infinity. @return empty: neither.
std::optional<double> parse_amount(std::string_view text);

}  // namespace nines::usage
