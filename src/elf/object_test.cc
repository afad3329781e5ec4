#include "elf/object.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace nines::elf {
namespace {

/// Two functions in sections of their own, a COMDAT one, data, thread-local data, a table of
/// pointers.
constexpr const char* kSource = R"(
template <typename T> T twice(T x) { return x * 2; }
template int twice<int>(int);
extern "C" int elsewhere(int);
extern "C" { int counter = 5; static int hidden; thread_local int own; const char* const names[] = {"a", "b"}; }
extern "C" int first(int x) { return elsewhere(x) + ++hidden + own; }
extern "C" int second(int x) { return first(x) + counter + names[x & 1][0]; }
)";

class ObjectFile : public testing::Test {
 protected:
  ObjectFile() {
    const std::string base = testing::TempDir() + "nines-object-" +
                             std::to_string(reinterpret_cast<std::uintptr_t>(this));
    std::ofstream(base + ".cc") << kSource;
    // NOLINTNEXTLINE(cert-env33-c): a test's own words
    const int done = std::system(
        ("c++ -O1 -ffunction-sections -fdata-sections -c -o " + base + ".o " + base + ".cc")
            .c_str());
    EXPECT_EQ(done, 0);
    std::ostringstream text;
    text << std::ifstream(base + ".o", std::ios::binary).rdbuf();
    bytes_ = text.str();
    for (const char* suffix : {".cc", ".o"}) std::filesystem::remove(base + suffix);
  }
  std::string bytes_;
};

TEST_F(ObjectFile, TellsOfSectionsSymbolsAndRelocations) {
  const auto object = Object::open(bytes_);
  ASSERT_TRUE(object) << object.error().message();
  const auto find = [&](std::string_view name) -> const ObjectSection* {
    for (const ObjectSection& section : object->sections()) {
      if (section.name == name) return &section;
    }
    return nullptr;
  };
  const ObjectSection* first = find(".text.first");
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(first->is_code());
  EXPECT_GE(first->relocations.size(), 2U);
  const auto index = static_cast<std::size_t>(first - object->sections().data());
  ASSERT_NE(object->function_at_start(index), nullptr);
  EXPECT_EQ(object->function_at_start(index)->name, "first");
  bool calls = false;
  for (const ObjectRelocation& relocation : first->relocations) {
    const ObjectSymbol& symbol = object->symbols()[relocation.symbol];
    if (symbol.name == "elsewhere") calls = symbol.is_undefined();
  }
  EXPECT_TRUE(calls);
  const ObjectSection* comdat = find(".text._Z5twiceIiET_S0_");
  ASSERT_NE(comdat, nullptr);
  EXPECT_EQ(comdat->group, "_Z5twiceIiET_S0_");
  EXPECT_TRUE(first->group.empty());
  ASSERT_NE(find(".data.counter"), nullptr);
  EXPECT_TRUE(find(".data.counter")->is_writable());
}

TEST_F(ObjectFile, ThatIsNoneIsRefused) {
  EXPECT_EQ(Object::open("").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(Object::open("\x7f"
                         "ELF")
                .error()
                .code(),
            ErrorCode::kCorrupt);
  std::string other = bytes_;
  other[offsetof(Elf64_Ehdr, e_type)] = ET_DYN;
  EXPECT_EQ(Object::open(other).error().code(), ErrorCode::kUnsupported);
  other = bytes_;
  other[offsetof(Elf64_Ehdr, e_machine)] = 3;
  EXPECT_EQ(Object::open(other).error().code(), ErrorCode::kUnsupported);
}

TEST_F(ObjectFile, CutOffOrMutatedIsNeverReadBeyondItsEnd) {
  for (std::size_t size = 0; size < bytes_.size(); size += 7) {
    const std::string cut = bytes_.substr(0, size);
    (void)Object::open(cut).has_value();
  }
  for (std::size_t at = 0; at < bytes_.size(); ++at) {
    for (const char value : {'\0', '\xff', '\x7f'}) {
      std::string mutated = bytes_;
      mutated[at] = value;
      const auto object = Object::open(mutated);
      if (!object) continue;
      for (const ObjectSection& section : object->sections()) {
        ASSERT_LE(section.bytes.size(), mutated.size());
      }
    }
  }
}

}  // namespace
}  // namespace nines::elf
