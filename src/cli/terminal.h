// What the output is written to: a terminal with a width and colours, or a file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nines::cli {

enum class Tone { kPlain, kStrong, kFaint, kGood, kWarning, kBad };

struct Terminal {
  bool is_terminal = false;
  bool colours = false;
  bool dumb = false;       ///< no cursor: TERM=dumb, or none
  std::size_t width = 0;   ///< columns; 0: as wide as it gets
  std::size_t height = 0;  ///< rows; 0: no end

  /// Looks at the descriptor and at NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM, COLUMNS and LINES.
  /// @source https://no-color.org, https://bixense.com/clicolors; tty_ioctl(4)
  static Terminal of(int fd);

  /// @return the text in the tone's colour, where there are colours.
  std::string paint(std::string_view text, Tone tone) const;

  /// For text from units: made harmless on a terminal, untouched in a file.
  std::string foreign(std::string_view text) const;
};

}  // namespace nines::cli
