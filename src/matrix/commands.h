// The few programs that a probe has to ask. They run beside each other and beside the reading of
// files, and all must have answered by one deadline: an operator waits for the matrix, not for
// them.
#pragma once

#include <string>
#include <vector>

namespace nines::matrix {

using Command = std::vector<std::string>;  ///< absolute path first, then the arguments

std::string to_string(const Command& command);

struct Answer {
  enum class How : std::uint8_t {
    kExited,
    kKilled,   ///< by a signal that was not ours
    kTooLate,  ///< ended by us at the deadline
    kNotRun,   ///< could not be started; `err` says why
  };
  How how = How::kNotRun;
  int code = 0;     ///< exit code, or the signal's number
  std::string out;  ///< what it wrote, bounded
  std::string err;
};

class Commands {
 public:
  virtual ~Commands() = default;
  /// Starts it, once however often it is asked for, and returns at once.
  virtual void begin(const Command& command) = 0;
  /// Waits for the answer, at most until the deadline; begins the command if nobody has.
  virtual Answer answer(const Command& command) = 0;
};

}  // namespace nines::matrix
