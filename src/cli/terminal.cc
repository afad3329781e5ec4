#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "cli/text_width.h"

namespace nines::cli {
namespace {

constexpr std::size_t kUsualWidth = 80;
constexpr std::size_t kUsualHeight = 24;

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool is_zero(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && std::string_view(value) == "0";
}

/// A size from the environment, which the user sets to overrule, or from the terminal.
std::size_t size_of(const char* name, unsigned short told, std::size_t least, std::size_t usual) {
  if (const char* value = std::getenv(name)) {
    const unsigned long size = std::strtoul(value, nullptr, 10);
    if (size >= least && size <= 10'000) return size;
  }
  return told >= least ? told : usual;
}

bool is_dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || *term == '\0' || std::string_view(term) == "dumb";
}

bool wants_colours(const Terminal& terminal) {
  if (is_set("NO_COLOR")) return false;
  if (is_set("CLICOLOR_FORCE") && !is_zero("CLICOLOR_FORCE")) return true;
  return terminal.is_terminal && !terminal.dumb && !is_zero("CLICOLOR");
}

}  // namespace

Terminal Terminal::of(int fd) {
  Terminal terminal;
  terminal.is_terminal = ::isatty(fd) == 1;
  terminal.dumb = is_dumb();
  terminal.colours = wants_colours(terminal);
  if (!terminal.is_terminal) return terminal;
  winsize size{};
  (void)::ioctl(fd, TIOCGWINSZ, &size);
  terminal.width = size_of("COLUMNS", size.ws_col, 20, kUsualWidth);
  terminal.height = size_of("LINES", size.ws_row, 2, kUsualHeight);
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
