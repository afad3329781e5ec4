#include "app/livepatch/compile_command.h"

#include <gtest/gtest.h>

namespace nines::livepatch {
namespace {

using Words = std::vector<std::string>;

TEST(CompileCommand, OfOneObject) {
  const Words words = {"-O2",   "-g", "-DNAME=\"a b.c\"", "-I", "inc.c",   "-MD",       "-MF",
                       "dep.d", "-c", "src/a.c",          "-o", "out/a.o", "-flto=auto"};
  const CompileCommand command = parse_compile_command(words);
  EXPECT_TRUE(command.compiles);
  EXPECT_FALSE(command.links);
  EXPECT_EQ(command.sources, (Words{"src/a.c"}));
  EXPECT_EQ(command.object_path(), "out/a.o");
  EXPECT_EQ(arguments_for_object(words, "src/a.c", "/log/1.o", Variant::kSections),
            (Words{"-O2", "-g", "-DNAME=\"a b.c\"", "-I", "inc.c", "-ffunction-sections",
                   "-fdata-sections", "-fno-lto", "-c", "src/a.c", "-o", "/log/1.o"}));
}

TEST(CompileCommand, NamesItsObjectItself) {
  EXPECT_EQ(parse_compile_command({"-c", "../src/x.y.cpp"}).object_path(), "x.y.o");
}

TEST(CompileCommand, ThatLinks) {
  const CompileCommand plain = parse_compile_command({"-o", "prog", "a.o", "b.o", "-lm"});
  EXPECT_TRUE(plain.links);
  EXPECT_EQ(plain.output, "prog");
  EXPECT_TRUE(plain.sources.empty());
  const CompileCommand both =
      parse_compile_command({"-O1", "a.c", "b.c", "-oprog", "-lm", "-Wl,-z,now"});
  EXPECT_TRUE(both.links);
  EXPECT_EQ(both.output, "prog");
  EXPECT_EQ(both.sources, (Words{"a.c", "b.c"}));
  EXPECT_EQ(arguments_for_object({"-O1", "a.c", "b.c", "-oprog", "-lm", "-Wl,-z,now", "-shared"},
                                 "b.c", "/l/2.o", Variant::kExact),
            (Words{"-O1", "-fno-lto", "-c", "b.c", "-o", "/l/2.o"}));
}

TEST(CompileCommand, ThatMakesNoCode) {
  for (const Words& words :
       {Words{"-E", "a.c"}, Words{"-S", "-c", "a.c"}, Words{"-MM", "a.c"}, Words{"--version"},
        Words{"-print-prog-name=ld"}, Words{"-v"}, Words{}}) {
    const CompileCommand command = parse_compile_command(words);
    EXPECT_FALSE(command.compiles);
    EXPECT_FALSE(command.links);
    EXPECT_TRUE(command.sources.empty());
  }
  // Assembly has no functions of a compiler's making.
  EXPECT_FALSE(parse_compile_command({"-c", "a.S"}).compiles);
}

}  // namespace
}  // namespace nines::livepatch
