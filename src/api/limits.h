// Bounds of the API, the same on both sides: what one request or one client may cost.
#pragma once

#include <chrono>
#include <cstddef>

namespace nines::api {

inline constexpr std::size_t kMaxTarget = 8 * 1024;         ///< path and query
inline constexpr std::size_t kMaxHeader = 16 * 1024;        ///< request line and all fields
inline constexpr std::size_t kMaxRequestBody = 512 * 1024;  ///< a unit's text, in JSON
inline constexpr std::size_t kMaxReplyBody = 64 << 20;      ///< 10,000 log lines with room to spare
inline constexpr std::size_t kMaxUnitName = 255;            ///< as systemd's UNIT_NAME_MAX
inline constexpr std::size_t kMaxUnitsInRequest = 4096;
inline constexpr std::size_t kMaxLogLines = 10'000;
inline constexpr std::size_t kMaxEvents = 10'000;
inline constexpr std::size_t kMaxEventId = 256;
inline constexpr std::size_t kMaxJsonDepth = 32;

inline constexpr std::chrono::hours kDefaultWhyWindow{24 * 30};
inline constexpr std::size_t kDefaultLogLines = 100;
inline constexpr std::size_t kDefaultEvents = 100;

}  // namespace nines::api
