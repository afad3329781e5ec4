#include "app/unit/specifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace nines::unit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const LoadContext kContext{{}, false, "host.example.org", "machine", "boot"};

std::string resolve(std::string_view unit, std::string_view text,
                    const LoadContext& context = kContext) {
  SpecifierResolver resolver(*parse_unit_name(unit), context);
  resolver.set_fragment("/etc/systemd/system/x@.service");
  auto resolved = resolver.resolve(text);
  return resolved ? resolved->text
                  : "<" + std::string(nines::to_string(resolved.error().code())) + ">";
}

TEST(Specifiers, OfTheName) {
  const char* unit = "my-app@dev-sda\\x2d1.service";
  EXPECT_EQ(resolve(unit, "%n"), unit);
  EXPECT_EQ(resolve(unit, "%N"), "my-app@dev-sda\\x2d1");
  EXPECT_EQ(resolve(unit, "%p|%P"), "my-app|my/app");
  EXPECT_EQ(resolve(unit, "%i|%I"), "dev-sda\\x2d1|dev/sda-1");
  EXPECT_EQ(resolve(unit, "%j|%J"), "app|app");
  EXPECT_EQ(resolve(unit, "%f"), "/dev/sda-1");
  EXPECT_EQ(resolve("a-b.service", "%f %i %j"), "/a/b  b");
}

TEST(Specifiers, OfTheHost) {
  EXPECT_EQ(resolve("a.service", "%H %l %m %b"), "host.example.org host machine boot");
  utsname host{};
  ASSERT_EQ(::uname(&host), 0);
  EXPECT_EQ(resolve("a.service", "%v"), host.release);
  EXPECT_EQ(resolve("a.service", "%y %Y"), "/etc/systemd/system/x@.service /etc/systemd/system");
}

TEST(Specifiers, DirectoriesOfTheSystemAndOfAUser) {
  EXPECT_EQ(resolve("a.service", "%t %S %C %L %E %h"),
            "/run /var/lib /var/cache /var/log /etc /root");
  LoadContext user = kContext;
  user.user_mode = true;
  ::setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  ::setenv("XDG_STATE_HOME", "/home/u/state", 1);
  ::setenv("XDG_CACHE_HOME", "relative is ignored", 1);
  ::setenv("HOME", "/home/u", 1);
  EXPECT_EQ(resolve("a.service", "%t %S %L %h %C", user),
            "/run/user/7 /home/u/state /home/u/state/log /home/u /home/u/.cache");
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("XDG_STATE_HOME");
  ::unsetenv("XDG_RUNTIME_DIR");
}

TEST(Specifiers, OfTheUser) {
  EXPECT_EQ(resolve("a.service", "%U %G"),
            std::to_string(::getuid()) + " " + std::to_string(::getgid()));
}

TEST(Specifiers, PercentAndUnknownLetters) {
  SpecifierResolver resolver(*parse_unit_name("a.service"), kContext);
  const auto resolved = resolver.resolve("100%% 5%z %");
  ASSERT_TRUE(resolved.has_value());
  EXPECT_EQ(resolved->text, "100% 5%z %");
  EXPECT_THAT(resolved->unknown, ElementsAre(7));
  EXPECT_THAT(resolver.resolve("%n")->unknown, IsEmpty());
}

TEST(Specifiers, CannotBlowUp) {
  std::string many;
  for (int i = 0; i < 500'000; ++i) many += "%n";
  const std::string name = std::string(240, 'a') + ".service";
  EXPECT_EQ(resolve(name, many), "<limit>");
}

TEST(Specifiers, WithoutAValueAreAnError) {
  EXPECT_EQ(resolve("a.service", "%d"), "<not-found>");
}

}  // namespace
}  // namespace nines::unit
