// Finds compiled objects in programs that were linked from them, stripped, and loaded as the kernel
// maps them.
#include "app/livepatch/run_pre.h"

#include <gtest/gtest.h>

#include <cstring>

#include "app/livepatch/test_program.h"
#include "elf/program.h"

namespace nines::livepatch {
namespace {

constexpr const char* kMain = R"(
#include <stdio.h>
extern long used; long work(long, const char*);
int main(int argc, char** argv) { printf("%ld\n", work(argc, argv[0]) + used); return 0; }
)";

constexpr const char* kPart = R"(
#include <stdlib.h>
#include <string.h>
long used = 3;
static long hidden[8];
static const char* const names[] = {"a", "bb", "ccc"};
static const double scale[2] = {1.5, 2.5};
__attribute__((noinline)) static long inner(long n, const char* text) {
  static long count;
  count += n;
  hidden[n & 7] += (long)strlen(text) + (long)(scale[n & 1] * (double)n);
  switch (n) { case 1: return hidden[1]; case 2: return labs(n) * 7; case 3: return used; case 4: return count; case 5: return 99; case 6: return (long)strlen(names[n % 3]); default: return n; }
}
long work(long n, const char* text) { long r = 0; for (long i = 0; i < n; ++i) r += inner(i, text) ^ used; return r; }
)";

/// A program's segments at the addresses that the file says.
class Loaded final : public elf::Memory {
 public:
  explicit Loaded(const std::string& file) {
    const auto program = elf::parse_program(file);
    EXPECT_TRUE(program);
    image_.resize(program->end_address());
    for (const Elf64_Phdr& segment : program->segments) {
      if (segment.p_type != PT_LOAD) continue;
      image_.replace(segment.p_vaddr, segment.p_filesz,
                     file.substr(segment.p_offset, segment.p_filesz));
      if ((segment.p_flags & PF_X) != 0) code_.emplace_back(segment.p_vaddr, segment.p_filesz);
    }
  }
  bool read(std::uint64_t address, void* into, std::size_t size) const override {
    if (address > image_.size() || image_.size() - address < size) return false;
    std::memcpy(into, image_.data() + address, size);
    return true;
  }
  std::vector<RunningText> text() const {
    std::vector<RunningText> result;
    for (const auto& [start, size] : code_) result.push_back({start, image_.substr(start, size)});
    return result;
  }

 private:
  std::string image_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> code_;
};

Result<Matched> match(const std::string& object, const Loaded& program,
                      std::vector<RunningText> text) {
  auto parsed = elf::Object::parse(object);
  EXPECT_TRUE(parsed);
  return match_running(*parsed, text, {}, program);
}

class RunPreWays : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(RunPreWays, FindsCodeAndDataOfAStrippedProgram) {
  const auto [compiler, flags] = GetParam();
  TestProgram program(compiler, flags);
  ASSERT_TRUE(program.link(kMain, kPart));
  const Loaded loaded(program.directory().empty() ? "" : [&] {
    std::ifstream in(program.path(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }());
  const auto matched = match(program.compile("pre", kPart), loaded, loaded.text());
  ASSERT_TRUE(matched) << matched.error().message();
  EXPECT_TRUE(matched->missing().empty());
  const auto used = matched->address_of("used", loaded);
  ASSERT_TRUE(used);
  EXPECT_EQ(loaded.get<long>(*used).value_or(0), 3);
  EXPECT_TRUE(matched->address_of("work", loaded));
  EXPECT_TRUE(matched->call_target("strlen", loaded) || std::string(flags) != "-O0");
  // One changed byte of it: there is no such code any more.
  auto changed = loaded.text();
  const std::uint64_t work = *matched->address_of("work", loaded);
  for (RunningText& range : changed) {
    if (work < range.address || work - range.address >= range.bytes.size()) continue;
    range.bytes[work - range.address] ^= 1;
  }
  const auto refused = match(program.compile("pre", kPart), loaded, changed);
  EXPECT_TRUE(!refused || !refused->address_of("work", loaded));
}

INSTANTIATE_TEST_SUITE_P(
    Flags, RunPreWays,
    testing::Values(std::pair("gcc", "-O0"), std::pair("gcc", "-O1"), std::pair("gcc", "-O2"),
                    std::pair("gcc", "-O3"), std::pair("gcc", "-O2 -no-pie -fno-pie"),
                    std::pair("gcc", "-O2 -static"), std::pair("gcc", "-O2 -fno-plt -fPIC"),
                    std::pair("gcc", "-O2 -fcf-protection=full"),
                    std::pair("gcc", "-O2 -ffunction-sections -fdata-sections -Wl,--gc-sections"),
                    std::pair("clang-19", "-O0"), std::pair("clang-19", "-O2"),
                    std::pair("clang-19", "-O2 -fPIC -fno-plt")));

std::string file_of(const TestProgram& program) {
  std::ifstream in(program.path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(RunPreTest, RefusesOtherFlagsAndOtherCompilers) {
  TestProgram program("gcc", "-O2");
  ASSERT_TRUE(program.link(kMain, kPart));
  const Loaded loaded(file_of(program));
  for (const auto& [compiler, flags] :
       {std::pair("gcc", "-O1"), std::pair("gcc", "-O3 -funroll-all-loops"),
        std::pair("gcc", "-O2 -fno-pie"), std::pair("clang-19", "-O2")}) {
    const auto refused =
        match(TestProgram(compiler, flags).compile("pre", kPart), loaded, loaded.text());
    ASSERT_FALSE(refused) << compiler << flags;
    EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
  }
}

TEST(RunPreTest, RefusesOtherConstants) {
  TestProgram program("gcc", "-O2");
  ASSERT_TRUE(program.link(kMain, kPart));
  const Loaded loaded(file_of(program));
  std::string other = kPart;
  other.replace(other.find("1.5, 2.5"), 8, "1.5, 2.6");
  const auto refused = match(program.compile("pre", other), loaded, loaded.text());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().op(), "match constants");
}

TEST(RunPreTest, SaysNothingOfCodeThatIsThereTwice) {
  TestProgram program("gcc", "-O2 -ffunction-sections");
  const std::string twice =
      "long used = 1; long a(long x) { for (long i = 0; i < x; ++i) x ^= x << 3 | i * 77; return x "
      "+ 1234567; }"
      "long b(long x) { for (long i = 0; i < x; ++i) x ^= x << 3 | i * 77; return x + 1234567; }"
      "long work(long n, const char* t) { (void)t; return used + n; }";
  const std::string main =
      "long a(long), b(long); int main(int c, char** v) { (void)v; return (int)(a(c) + b(c)); }";
  ASSERT_TRUE(program.link(main, twice));
  const Loaded loaded(file_of(program));
  const auto matched = match(program.compile("pre", twice), loaded, loaded.text());
  EXPECT_TRUE(!matched || !matched->address_of("a", loaded));
}

}  // namespace
}  // namespace nines::livepatch
