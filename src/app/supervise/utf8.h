// Text from other processes, made fit for JSON and for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace nines::supervise {

/// @return whether `text` is well-formed UTF-8: no overlong forms, surrogates or code points
///         beyond U+10FFFF.
/// @source Unicode 15, table 3-7
bool is_valid_utf8(std::string_view text);

/// Replaces C0 and C1 control characters and DEL by '?', since they could steer a terminal.
/// @pre `text` is valid UTF-8.
std::string replace_control_characters(std::string_view text);

/// At most `max_bytes` of arbitrary bytes as printable ASCII in double quotes, for messages:
/// "\"-ERR x\\r\\n\"...".
std::string quote_bytes(std::string_view bytes, std::size_t max_bytes = 40);

}  // namespace nines::supervise
