// Files and variables that help and manual name.
#pragma once

#include <array>
#include <string_view>

namespace nines::cli {

struct Fact {
  std::string_view name;
  std::string_view meaning;
};

inline constexpr std::array<Fact, 3> kFiles = {{
    {"/run/nines/api.sock",
     "The daemon's socket: HTTP with JSON. For an ordinary user's own "
     "daemon it is $XDG_RUNTIME_DIR/nines/api.sock; without that variable, "
     "/run/user/UID/nines/api.sock, or else /tmp/nines-UID/api.sock."},
    {"/etc/nines/units", "Units of nines alone, before those of systemd."},
    {"/etc/systemd/system, /run/systemd/system, /lib/systemd/system",
     "Units in systemd's own places, which are read as they are."},
}};

inline constexpr std::array<Fact, 4> kEnvironment = {{
    {"NINES_RUNTIME_DIR", "As --runtime-dir."},
    {"NINES_UNIT_PATH",
     "Directories of units, separated by colons, searched first; with a colon "
     "at the end, before the usual ones, else instead of them."},
    {"NO_COLOR", "Any value: no colours, as with --no-color."},
    {"COLUMNS", "The width to print tables for, instead of the terminal's."},
}};

}  // namespace nines::cli
