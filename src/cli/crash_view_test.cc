#include "cli/crash_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/text_width.h"

namespace nines::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

crash::KeptCrash example() {
  crash::KeptCrash crash{"01a2188fd898b52d226440597e9ee655", "/var/lib/nines/crashes/x", {}, {}};
  crash::Outcome outcome;
  outcome.program = "redis-server";
  outcome.unit = "redis-server.service";
  outcome.signal = 11;
  outcome.kind = "null-dereference";
  outcome.function = "a_function_with_a_long_name::" + std::string(300, 'f') + "()";
  outcome.signature = std::string(32, 'a');
  outcome.same = 3;
  crash.outcome = outcome;
  return crash;
}

TEST(CrashTable, FitsTheTerminal) {
  for (const std::size_t width : {50U, 60U, 80U, 120U, 200U}) {
    Terminal terminal;
    terminal.is_terminal = true;
    terminal.width = width;
    std::istringstream lines(crash_table({example(), example()}, {}, terminal));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(display_width(line), width) << line;
      if (!line.starts_with("WHEN") && !line.starts_with("CRASH")) {
        EXPECT_THAT(line, HasSubstr("null dereference")) << width;
      }
    }
  }
}

TEST(CrashTable, SaysWhatIsKnown) {
  crash::KeptCrash undiagnosed = example(), damaged = example();
  undiagnosed.outcome->kind.clear();
  undiagnosed.outcome->program = "\x1b[2J";
  undiagnosed.outcome->unit.clear();
  damaged.outcome.reset();
  KnownSignatures known;
  known[std::string(32, 'a')].count = 12;
  const std::string text = crash_table({example(), undiagnosed, damaged}, known, Terminal{});
  EXPECT_THAT(text, HasSubstr("12x"));
  EXPECT_THAT(text, HasSubstr("SIGSEGV, not diagnosed"));
  EXPECT_THAT(text, HasSubstr("capture.json is damaged"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(CrashHeading, HasWhatAnOperatorWrote) {
  crash::Diagnosis diagnosis;
  diagnosis.classification.kind = "null-dereference";
  crash::KnownSignature known;
  known.count = 2;
  known.note = "only with a full disk";
  known.fix = "v2";
  known.builds.resize(2);
  const crash::KeptCrash crash = example();
  const std::string text = crash_heading(diagnosis, &crash, known, Terminal{});
  EXPECT_TRUE(text.starts_with("null dereference\n")) << text;
  EXPECT_THAT(text, HasSubstr("2 times"));
  EXPECT_THAT(text, HasSubstr("in 2 builds"));
  EXPECT_THAT(text, HasSubstr("only with a full disk"));
  EXPECT_THAT(text, HasSubstr("v2"));
}

TEST(CrashJson, IsWholeForOneThatCannotBeRead) {
  crash::KeptCrash damaged = example();
  damaged.outcome.reset();
  EXPECT_EQ(crash_json(damaged, {})["id"], damaged.id);
  EXPECT_EQ(crash_json(example(), {})["count"], 3);
}

}  // namespace
}  // namespace nines::cli
