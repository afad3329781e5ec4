// Reads the status of an HTTP answer, from bytes nobody vouches for.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"

namespace nines::supervise {

/// A longer status line is not HTTP, whatever it is.
inline constexpr std::size_t kMaxStatusLineBytes = 1024;

/// Finds the status of the final response in what has arrived so far. Interim responses (1xx) are
/// skipped with their headers.
/// @return empty: more bytes are needed.
/// @errors kCorrupt: these bytes cannot become an HTTP/1.x response.
/// @source RFC 9112 section 4 (status-line); section 2.2 (a lone LF may end a line)
Result<std::optional<int>> parse_http_status(std::string_view received);

}  // namespace nines::supervise
