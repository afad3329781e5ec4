#include "app/unit/unit_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nines::unit {
namespace {

using ::testing::ElementsAre;

TEST(UnitName, Parts) {
  const auto plain = parse_unit_name("redis-server.service");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->prefix, "redis-server");
  EXPECT_FALSE(plain->is_template || plain->is_instance);
  const auto instance = parse_unit_name("postgresql@15-main.service");
  ASSERT_TRUE(instance.has_value());
  EXPECT_EQ(instance->instance, "15-main");
  EXPECT_EQ(instance->template_name(), "postgresql@.service");
  EXPECT_EQ(instance->full(), "postgresql@15-main.service");
  EXPECT_TRUE(parse_unit_name("getty@.service")->is_template);
}

TEST(UnitName, ServiceIsTheDefaultType) {
  EXPECT_EQ(parse_unit_name("nginx", true)->full(), "nginx.service");
  EXPECT_EQ(parse_unit_name("php8.2-fpm", true)->full(), "php8.2-fpm.service");
  EXPECT_EQ(parse_unit_name("x@a.b", true)->full(), "x@a.b.service");
  EXPECT_FALSE(parse_unit_name("nginx"));
}

TEST(UnitName, WrongOnes) {
  for (const std::string& wrong :
       {std::string(""), std::string(".service"), std::string("@x.service"),
        std::string("a/b.service"), std::string("a b.service"), std::string("a\n.service"),
        std::string(256, 'a') + ".service", std::string("a.foo")}) {
    EXPECT_FALSE(parse_unit_name(wrong)) << wrong;
  }
}

TEST(Escape, RoundTrips) {
  EXPECT_EQ(escape_path("/dev/sda-1"), "dev-sda\\x2d1");
  EXPECT_EQ(escape_path("/"), "-");
  EXPECT_EQ(escape_path("//a///b//"), "a-b");
  EXPECT_EQ(escape_name(".hidden file"), "\\x2ehidden\\x20file");
  for (const char* text : {"a/b-c", "ü", "x\\y", "15-main"})
    EXPECT_EQ(unescape_name(escape_name(text)), text);
  EXPECT_EQ(unescape_path("dev-sda\\x2d1"), "/dev/sda-1");
  EXPECT_EQ(unescape_path("-"), "/");
  EXPECT_EQ(unescape_name("a\\x"), "a\\x");
  EXPECT_EQ(unescape_name("a\\x00b"), "a\\x00b");
}

TEST(DropInDirectories, MostSpecificFirst) {
  EXPECT_THAT(drop_in_directories(*parse_unit_name("a-b-c@i.service")),
              ElementsAre("a-b-c@i.service.d", "a-b-c@.service.d", "a-b-@i.service.d",
                          "a-b-@.service.d", "a-@i.service.d", "a-@.service.d"));
  EXPECT_THAT(drop_in_directories(*parse_unit_name("foo.socket")), ElementsAre("foo.socket.d"));
}

}  // namespace
}  // namespace nines::unit
