// The target of an HTTP request: percent-decoded path segments and query parameters.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace nines::api {

struct Target {
  std::vector<std::string> path;  ///< "/v1/units" -> {"v1", "units"}
  std::vector<std::pair<std::string, std::string>> query;
};

/// @errors kInvalidArgument: not absolute, a bad escape, an empty segment, an encoded '/' or NUL,
///         a query parameter given twice. kLimit: longer than kMaxTarget.
/// @source RFC 3986, sections 2.1 and 3.3; '+' is not a space there.
Result<Target> parse_target(std::string_view text);

/// Escapes everything but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);

}  // namespace nines::api
