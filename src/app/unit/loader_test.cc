// Where a unit comes from: search path, templates, aliases, masks, drop-ins.
#include "app/unit/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "app/unit/test_tree.h"

namespace nines::unit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kPlain = "[Service]\nExecStart=/bin/true\n";

class Loader : public ::testing::Test {
 protected:
  LoadContext context() const {
    return {{tree_.path("etc"), tree_.path("run"), tree_.path("lib")}, false, "host", "m", "b"};
  }
  std::shared_ptr<const Unit> load(std::string_view name) const {
    Result<LoadedUnit> loaded = load_unit(name, context());
    EXPECT_TRUE(loaded.has_value()) << loaded.error().message();
    return loaded ? loaded->unit : std::make_shared<const Unit>();
  }
  Error failure(std::string_view name) const {
    Result<LoadedUnit> loaded = load_unit(name, context());
    EXPECT_FALSE(loaded.has_value());
    return loaded ? Error(ErrorCode::kInternal, "loaded") : loaded.error();
  }
  TestTree tree_;
};

TEST_F(Loader, TheFirstDirectoryWins) {
  tree_.write("lib/a.service", kPlain);
  tree_.write("etc/a.service", "[Unit]\nDescription=mine\n[Service]\nExecStart=/bin/true\n");
  EXPECT_EQ(load("a")->unit.description, "mine");
  EXPECT_THAT(load("a.service")->files, ElementsAre(tree_.path("etc/a.service")));
}

TEST_F(Loader, AMissingUnitSaysWhereItWasLookedFor) {
  const Error error = failure("nothing");
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.hint(), HasSubstr(tree_.path("run")));
}

TEST_F(Loader, AnInstanceTakesItsOwnFileBeforeTheTemplate) {
  tree_.write("etc/t@.service",
              "[Unit]\nDescription=template %i\n[Service]\nExecStart=/bin/true\n");
  tree_.write("lib/t@one.service", "[Unit]\nDescription=own %i\n[Service]\nExecStart=/bin/true\n");
  EXPECT_EQ(load("t@one")->unit.description, "own one");
  EXPECT_EQ(load("t@two")->unit.description, "template two");
  EXPECT_EQ(load("t@two")->instance, "two");
}

TEST_F(Loader, ATemplateNeedsAnInstance) {
  tree_.write("lib/t@.service", kPlain);
  EXPECT_THAT(failure("t@").detail(), HasSubstr("template"));
}

TEST_F(Loader, ByPathWithDropInsBesideIt) {
  const std::string path = tree_.write("home/x.service", kPlain);
  tree_.write("home/x.service.d/a.conf", "[Unit]\nDescription=beside\n");
  tree_.write("etc/x.service.d/b.conf", "[Service]\nNice=5\n");
  const auto unit = load(path);
  EXPECT_EQ(unit->name, "x.service");
  EXPECT_EQ(unit->unit.description, "beside");
  EXPECT_EQ(unit->service()->exec->nice, 5);
}

TEST_F(Loader, AliasesAreLinks) {
  tree_.write("lib/real.service", kPlain);
  tree_.link("etc/alias.service", tree_.path("lib/real.service"));
  tree_.write("etc/alias.service.d/a.conf", "[Service]\nNice=1\n");
  tree_.write("etc/real.service.d/b.conf", "[Unit]\nDescription=d\n");
  const auto unit = load("alias");
  EXPECT_EQ(unit->name, "real.service");
  EXPECT_EQ(unit->service()->exec->nice, 1);
  EXPECT_EQ(unit->unit.description, "d");
}

TEST_F(Loader, AnAliasOfATemplateKeepsTheInstance) {
  tree_.write("lib/real@.service", kPlain);
  tree_.link("lib/alias@.service", "real@.service");
  EXPECT_EQ(load("alias@x")->name, "real@x.service");
}

TEST_F(Loader, ALinkOutOfTheSearchPathGivesNoOtherName) {
  const std::string path = tree_.write("opt/app/other.service", kPlain);
  tree_.link("etc/app.service", path);
  EXPECT_EQ(load("app")->name, "app.service");
}

TEST_F(Loader, WrongLinks) {
  tree_.link("etc/circle.service", "circle2.service");
  tree_.link("etc/circle2.service", "circle.service");
  EXPECT_EQ(failure("circle").code(), ErrorCode::kInvalidArgument);
  tree_.link("etc/dangling.service", "/nowhere/dangling.service");
  EXPECT_EQ(failure("dangling").code(), ErrorCode::kNotFound);
  tree_.write("lib/s.socket", "[Socket]\nListenStream=80\n");
  tree_.link("etc/wrong.service", tree_.path("lib/s.socket"));
  EXPECT_THAT(failure("wrong").detail(), HasSubstr("another type"));
}

TEST_F(Loader, ASocketsOwnCommandsAreWarnedOf) {
  tree_.write("lib/s.socket",
              "[Socket]\nListenStream=80\nExecStartPre=/bin/true\nExecStopPost=/bin/true\n");
  const auto loaded = load_unit("s.socket", context());
  ASSERT_TRUE(loaded);
  std::vector<std::string> warned;
  for (const Diagnostic& diagnostic : loaded->diagnostics) {
    if (diagnostic.level == DiagnosticLevel::kWarning) warned.push_back(diagnostic.directive);
  }
  EXPECT_THAT(warned, ElementsAre("ExecStartPre", "ExecStopPost"));
}

TEST_F(Loader, MaskedUnits) {
  tree_.write("lib/a.service", kPlain);
  tree_.link("etc/a.service", "/dev/null");
  EXPECT_EQ(failure("a").code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(failure("a").detail(), HasSubstr("masked"));
  tree_.write("lib/b.service", kPlain);
  tree_.write("etc/b.service", "");
  EXPECT_THAT(failure("b").detail(), HasSubstr("masked"));
}

TEST_F(Loader, DropInsApplyInTheOrderOfTheirNamesAndTheFirstDirectoryHidesTheOthers) {
  tree_.write("lib/a.service", kPlain);
  tree_.write("lib/a.service.d/20.conf", "[Service]\nNice=1\n");
  tree_.write("lib/a.service.d/10.conf", "[Service]\nNice=2\n[Unit]\nDescription=lib\n");
  tree_.write("etc/a.service.d/10.conf", "[Service]\nNice=3\n");
  tree_.write("etc/a.service.d/30.txt", "[Service]\nNice=4\n");
  const auto unit = load("a");
  EXPECT_THAT(unit->files,
              ElementsAre(tree_.path("lib/a.service"), tree_.path("etc/a.service.d/10.conf"),
                          tree_.path("lib/a.service.d/20.conf")));
  EXPECT_EQ(unit->service()->exec->nice, 1);
  EXPECT_EQ(unit->unit.description, "");
}

TEST_F(Loader, DropInsOfPrefixesTemplatesAndTypes) {
  tree_.write("lib/foo-bar@.service", kPlain);
  tree_.write("etc/service.d/1.conf", "[Unit]\nDocumentation=type\n");
  tree_.write("etc/foo-.service.d/2.conf", "[Unit]\nDocumentation=not-this-one\n");
  tree_.write("etc/foo-@.service.d/3.conf", "[Unit]\nDocumentation=prefix\n");
  tree_.write("etc/foo-bar@.service.d/4.conf", "[Unit]\nDocumentation=template\n");
  tree_.write("etc/foo-bar@i.service.d/5.conf", "[Unit]\nDocumentation=instance\n");
  EXPECT_THAT(load("foo-bar@i")->unit.documentation,
              ElementsAre("type", "prefix", "template", "instance"));
}

TEST_F(Loader, TheMoreSpecificDropInHidesTheTypeWideOneOfTheSameName) {
  tree_.write("lib/a.service", kPlain);
  tree_.write("etc/service.d/x.conf", "[Unit]\nDescription=type\n");
  tree_.write("lib/a.service.d/x.conf", "[Unit]\nDescription=own\n");
  EXPECT_EQ(load("a")->unit.description, "own");
}

TEST_F(Loader, ADropInCanBeMasked) {
  tree_.write("lib/a.service", kPlain);
  tree_.write("lib/a.service.d/x.conf", "[Unit]\nDescription=masked\n");
  tree_.link("etc/a.service.d/x.conf", "/dev/null");
  EXPECT_EQ(load("a")->unit.description, "");
}

TEST_F(Loader, AnEmptyAssignmentResetsAList) {
  tree_.write("lib/a.service",
              "[Service]\nExecStart=/bin/true\nEnvironment=A=1\n[Unit]\nWants=x.service\n");
  tree_.write("etc/a.service.d/x.conf",
              "[Service]\nExecStart=\nExecStart=/bin/"
              "false\nEnvironment=\nEnvironment=B=2\n[Unit]\nWants=\n");
  const auto unit = load("a");
  ASSERT_EQ(unit->service()->service.exec_start.size(), 1u);
  EXPECT_EQ(unit->service()->service.exec_start[0].path, "/bin/false");
  EXPECT_EQ(unit->service()->exec->environment.size(), 1u);
  EXPECT_THAT(unit->unit.wants, IsEmpty());
}

TEST_F(Loader, WantsAndRequiresDirectories) {
  tree_.write("lib/a.target", "[Unit]\nDescription=t\n");
  tree_.link("etc/a.target.wants/b.service", "/lib/systemd/system/b.service");
  tree_.link("lib/a.target.requires/c.service", "/lib/systemd/system/c.service");
  tree_.write("lib/a.target.wants/README", "not a unit");
  EXPECT_THAT(load("a.target")->unit.wants, ElementsAre("b.service"));
  EXPECT_THAT(load("a.target")->unit.requires_units, ElementsAre("c.service"));
}

TEST_F(Loader, AnErrorNamesFileLineAndColumn) {
  const std::string path =
      tree_.write("lib/a.service", "[Service]\nExecStart=/bin/true\nRestrat=always\n");
  const Error error = failure("a");
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.detail(), HasSubstr(path + ":3:1: Restrat: "));
  EXPECT_THAT(error.detail(), HasSubstr("did you mean Restart=?"));
}

TEST_F(Loader, OtherTypesAreRefused) {
  tree_.write("lib/a.timer", "[Unit]\nDescription=x\n");
  EXPECT_THAT(failure("a.timer").detail(), HasSubstr("no .timer"));
}

TEST(SearchPath, OwnDirectoriesFirstAndTheEnvironmentBeforeThem) {
  ::unsetenv("NINES_UNIT_PATH");
  const auto plain = default_search_path(false);
  EXPECT_EQ(plain.front(), "/etc/nines/units");
  EXPECT_THAT(plain, ::testing::Contains("/lib/systemd/system"));
  ::setenv("NINES_UNIT_PATH", "/a:/b", 1);
  EXPECT_THAT(default_search_path(false), ElementsAre("/a", "/b"));
  ::setenv("NINES_UNIT_PATH", "/a:", 1);
  EXPECT_EQ(default_search_path(false).size(), plain.size() + 1);
  EXPECT_EQ(default_search_path(true).at(0), "/a");
  ::unsetenv("NINES_UNIT_PATH");
}

}  // namespace
}  // namespace nines::unit
