// Logging, for the edges only (daemon, cli, web). Rooms below return Results and emit events.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace nines::log {

enum class Level { kDebug, kInfo, kWarning, kError };

/// Starts logging to stderr, with systemd's <N> priority prefixes when stderr is the journal.
/// @param name  printed before each line, e.g. "ninesd".
void init(std::string_view name, Level level);

void write(Level level, std::string_view text);

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace nines::log
