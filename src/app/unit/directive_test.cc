#include "app/unit/directive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace nines::unit {
namespace {

std::vector<Directive> all() {
  std::vector<Directive> list;
  for (const auto part :
       {unit_directives(), service_directives(), exec_directives(), control_directives(),
        socket_directives(), nines_directives(), ignored_directives()}) {
    list.insert(list.end(), part.begin(), part.end());
  }
  return list;
}

TEST(Table, NamesEachDirectiveOfASectionOnce) {
  std::set<std::pair<std::string_view, int>> seen;
  for (const Directive& directive : all()) {
    for (const int section : {kUnit, kService, kSocket, kInstall, kNines}) {
      if ((directive.sections & section) == 0) continue;
      EXPECT_TRUE(seen.emplace(directive.name, section).second) << directive.name;
      EXPECT_EQ(find_directive(static_cast<std::uint8_t>(section), directive.name)->name,
                directive.name);
    }
  }
}

TEST(Table, SaysSomethingAboutEveryValue) {
  for (const Directive& directive : all()) {
    EXPECT_FALSE(directive.text.empty()) << directive.name;
    EXPECT_LE(directive.name.size(), 64u) << directive.name;  // what edit_distance() has room for
    if (directive.text.find('|') == std::string_view::npos) continue;
    EXPECT_NE(directive.text.find(": "), std::string_view::npos) << directive.name;
    if (!directive.text.starts_with("yes: ")) continue;
    EXPECT_FALSE(describe(directive, "true").empty()) << directive.name;
    EXPECT_FALSE(describe(directive, "off").empty()) << directive.name;
  }
}

// `systemd --dump-configuration-items` of systemd 252 (Debian 12), as fixture: whatever that
// systemd reads, we know.
TEST(Table, KnowsEveryNameOfDebiansSystemd) {
  const std::string path =
      std::string(NINES_SOURCE_DIR) + "/tests/fixtures/systemd-252-directives.txt";
  std::ifstream in(path);
  ASSERT_TRUE(in) << path;
  std::string line;
  std::uint8_t section = 0;
  int checked = 0;
  while (std::getline(in, line)) {
    if (line.starts_with('[')) {
      section = section_from_name(line.substr(1, line.size() - 2));
      continue;
    }
    if (section == 0 || line.empty()) continue;
    const std::string name = line.substr(0, line.find('='));
    EXPECT_NE(find_directive(section, name), nullptr) << name << " in section " << int{section};
    ++checked;
  }
  EXPECT_GT(checked, 600);
}

TEST(Table, OldSpellingsLeadToTheNewOnes) {
  EXPECT_EQ(find_directive(kService, "ReadWriteDirectories")->name, "ReadWritePaths");
  EXPECT_EQ(find_directive(kService, "MemoryLimit")->name, "MemoryMax");
  EXPECT_TRUE(find_directive(kService, "MemoryLimit")->honoured());
  EXPECT_EQ(find_directive(kService, "StartLimitInterval")->name, "StartLimitIntervalSec");
  EXPECT_EQ(find_directive(kUnit, "BindTo")->name, "BindsTo");
}

TEST(Suggestion, NearNamesAndOtherSections) {
  EXPECT_EQ(suggest_directive(kService, "ExecStrat"), "did you mean ExecStart=?");
  EXPECT_EQ(suggest_directive(kService, "restart"), "did you mean Restart=?");
  EXPECT_EQ(suggest_directive(kUnit, "ExecStart"), "it belongs into [Service]");
  EXPECT_EQ(suggest_directive(kService, "Standby"), "it belongs into [X-Nines]");
  EXPECT_EQ(suggest_directive(kService, "CompletelyDifferentThing"), "");
  EXPECT_EQ(suggest_directive(kService, std::string(100000, 'x')), "");
}

TEST(Suggestion, EverySlipOfTheFinger) {
  const std::string name = "RuntimeDirectoryPreserve";
  const std::string meant = "did you mean " + name + "=?";
  for (std::size_t i = 0; i < name.size(); ++i) {
    std::string slip = name;
    EXPECT_EQ(suggest_directive(kService, slip.erase(i, 1)), meant) << slip;
    slip = name;
    EXPECT_EQ(suggest_directive(kService, slip.insert(i, "zq")), meant) << slip;
    slip = name;
    slip[i] = '_';
    EXPECT_EQ(suggest_directive(kService, slip), meant) << slip;
  }
  EXPECT_EQ(suggest_directive(kService, name + "abcdefgh"), meant);
  EXPECT_EQ(suggest_directive(kService, name + "abcdefghij"), "") << "more than a quarter";
}

}  // namespace
}  // namespace nines::unit
