// The version of the product, in one place.
#pragma once

namespace nines::api {

inline constexpr const char* kProductVersion = "0.1.0";

}  // namespace nines::api
