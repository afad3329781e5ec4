#include "cli/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/text_width.h"

namespace nines::cli {
namespace {

TEST(TextWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("870 µs"), 6u);
  EXPECT_EQ(display_width("日本"), 4u);
  EXPECT_EQ(display_width("e\xCC\x81"), 1u);  // e and a combining acute
  EXPECT_EQ(display_width("\xff\xfe"), 2u);
  EXPECT_EQ(display_width("\xe6\x97"), 2u);  // cut inside a character
}

TEST(TextWidth, ShortensBetweenCharacters) {
  EXPECT_EQ(shorten("redis-server", 12), "redis-server");
  EXPECT_EQ(shorten("redis-server", 6), "redis…");
  EXPECT_EQ(shorten("日本語", 5), "日本…");
  EXPECT_EQ(shorten("日本語", 4), "日…");
  EXPECT_EQ(shorten("abc", 0), "");
}

TEST(TextWidth, PrintableTextDrivesNoTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\rc\x7f"), "a\\x1b[2Jb\\x0dc\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\x9b2J");  // CSI as a C1 control
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "abc"),
            "\\u202eabc");  // right-to-left override
  EXPECT_EQ(printable("tab\there µ"), "tab\there µ");
  EXPECT_EQ(printable("\xff\xc0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
}

Table sample() {
  Table table({{"UNIT"}, {"STATE"}, {"PID", true, 1}, {"NOTHING", false, 0}, {"MEMORY", true, 2}});
  table.add({{"redis-server.service"}, {"running", Tone::kGood}, {"7"}, {}, {"10.0 MiB"}});
  table.add({{"a"}, {"failed", Tone::kBad}, {}, {}, {}});
  return table;
}

TEST(Table, AlignsAndEndsLinesWithoutBlanks) {
  EXPECT_EQ(sample().render(Terminal{}),
            "UNIT                  STATE    PID    MEMORY\n"
            "redis-server.service  running    7  10.0 MiB\n"
            "a                     failed\n");
}

TEST(Table, DropsWhatMattersLeastThenShortensTheName) {
  Terminal terminal;
  terminal.width = 40;
  EXPECT_EQ(sample().render(terminal),
            "UNIT                  STATE    PID\n"
            "redis-server.service  running    7\n"
            "a                     failed\n");
  terminal.width = 24;
  EXPECT_EQ(sample().render(terminal),
            "UNIT             STATE\n"
            "redis-server.s…  running\n"
            "a                failed\n");
}

TEST(Table, ColoursDoNotMoveColumns) {
  Terminal terminal;
  terminal.colours = true;
  const std::string text = sample().render(terminal);
  EXPECT_THAT(text, testing::HasSubstr("\x1b[32mrunning\x1b[0m    7"));
  EXPECT_THAT(text, testing::HasSubstr("a                     \x1b[1;31mfailed\x1b[0m\n"));
}

}  // namespace
}  // namespace nines::cli
