// Files for a process that may open none: it asks by a socket, and is given descriptors. Who serves
// looks at no more of a file than its first four bytes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::trace {

/// What is asked for, as it goes over the socket: one letter, then the text.
enum class FileRequest : char {
  kMapped = 'M',     ///< a path that the process had mapped
  kBuildId = 'B',    ///< hexadecimal: debug information from below /usr/lib/debug/.build-id
  kDebugLink = 'L',  ///< path of the program, NUL, name of its debug file
};

/// The side that may not open. One request at a time.
class FileClient {
 public:
  /// @param socket  stays the caller's.
  explicit FileClient(int socket) : socket_(socket) {}

  /// @return an invalid descriptor where there is no such file; also once the other side is gone.
  UniqueFd ask(FileRequest kind, std::string_view text) const;

 private:
  int socket_;
};

/// Answers one request that is waiting on the socket.
/// @return false: the other side has closed it, or said what no client of ours says.
/// @note Only regular ELF files are handed out: a core may name any path, and what reads it may
/// have
///       been taken over by what it read.
bool serve_file(int socket);

}  // namespace nines::trace
