// The description of the API that the daemon serves.
#pragma once

#include <string_view>

namespace nines::api {

/// @return openapi.json, as GET /v1/openapi.json serves it.
/// @source OpenAPI Specification 3.1.0
std::string_view openapi_document();

}  // namespace nines::api
