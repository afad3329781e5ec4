#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "cli/text_width.h"

namespace nines::cli {
namespace {

std::size_t terminal_width(int fd) {
  if (const char* columns = std::getenv("COLUMNS")) {
    const unsigned long width = std::strtoul(columns, nullptr, 10);
    if (width >= 20 && width <= 10'000) return width;
  }
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
  return 80;
}

bool wants_colours() {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return term != nullptr && std::string_view(term) != "dumb" && *term != '\0';
}

}  // namespace

Terminal Terminal::of(int fd) {
  Terminal terminal;
  terminal.is_terminal = ::isatty(fd) == 1;
  if (!terminal.is_terminal) return terminal;
  terminal.colours = wants_colours();
  terminal.width = terminal_width(fd);
  return terminal;
}

std::string Terminal::paint(std::string_view text, Tone tone) const {
  // SGR codes. @source ECMA-48, 8.3.117
  static constexpr std::array<std::string_view, 6> kCodes = {"", "1", "2", "32", "33", "1;31"};
  if (!colours || tone == Tone::kPlain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(tone)], text);
}

std::string Terminal::foreign(std::string_view text) const {
  return is_terminal ? printable(text) : std::string(text);
}

}  // namespace nines::cli
