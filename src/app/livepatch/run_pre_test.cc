#include "app/livepatch/run_pre.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>

#include "app/livepatch/built_program.h"

namespace nines::livepatch {
namespace {

/// Calls of every kind: to a static function, an exported one, a library; a switch with a table,
/// strings, static, constant and thread-local data, a loop with an aligned head, floating point.
constexpr const char* kSource = R"(
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int counter;
int shared_state = 3;
static const double kFactors[] = {1.5, 2.5, 3.5, 4.5};
static __thread int own;
__attribute__((noinline)) static int helper(int x, const char* why) {
  if (x > 1000) { fprintf(stderr, "too large: %s\n", why); exit(3); }
  counter += x;
  own += 2;
  return counter * 3 + shared_state;
}
__attribute__((noinline)) int classify(int kind, const char* text) {
  switch (kind) {
    case 0: return helper(1, "zero");
    case 1: return (int)strlen(text) + 7;
    case 2: return helper(kind * 2, text);
    case 3: return shared_state += 5;
    case 4: return counter - 1;
    case 5: return own;
    case 6: return helper(kind, "six") + 11;
    default: return -1;
  }
}
__attribute__((noinline)) double sum(const int* numbers, int n) {
  double total = 0;
  for (int i = 0; i < n; ++i) total += numbers[i] * kFactors[i & 3];
  return total;
}
__attribute__((noinline)) int compare(const void* a, const void* b) {
  return *(const int*)a - *(const int*)b;
}
__attribute__((noinline)) int work(int argc, const char* text) {
  int numbers[64];
  for (int i = 0; i < 64; ++i) numbers[i] = (i * 37 + argc) % 101;
  qsort(numbers, 64, sizeof numbers[0], compare);
  int total = 0;
  for (int i = 0; i < 8; ++i) total += classify(i, text);
  printf("%s: %d %.1f\n", text, total, sum(numbers, 64));
  return total & 1;
}
)";
constexpr const char* kMain = R"(
int work(int argc, const char* text);
int main(int argc, char** argv) { return work(argc, argv[0]); }
)";

struct Build {
  const char* name;
  const char* compile;
  const char* link;
};

void PrintTo(const Build& build, std::ostream* out) {
  *out << build.name;
}

class RunPre : public testing::TestWithParam<Build> {
 protected:
  /// The program, stripped, and what its functions were called before.
  void make(const std::string& compile, const std::string& link) {
    const std::string objects = compiler_.object("parts", kSource, compile) + " " +
                                compiler_.object("main", kMain, compile);
    const std::string program = compiler_.link("program", objects, link);
    names_ = compiler_.names(program);
    compiler_.strip(program);
    file_ = compiler_.read(program);
    Elf64_Ehdr head;
    std::memcpy(&head, file_.data(), sizeof head);
    for (int i = 0; i < head.e_phnum; ++i) {
      Elf64_Phdr segment;
      std::memcpy(&segment, file_.data() + head.e_phoff + i * sizeof segment, sizeof segment);
      if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
      code_ = {segment.p_vaddr, std::string_view(file_).substr(segment.p_offset, segment.p_filesz)};
    }
    ASSERT_FALSE(code_.bytes.empty());
  }
  /// The object as a patch would have it: each function in a section of its own.
  void load(const std::string& source, const std::string& compile) {
    object_bytes_ = compiler_.read(
        compiler_.object("pre", source, compile + " -ffunction-sections -fdata-sections"));
    auto object = elf::Object::open(object_bytes_);
    ASSERT_TRUE(object) << object.error().message();
    object_ = std::move(*object);
  }
  std::size_t section(const std::string& name) const {
    for (std::size_t i = 0; i < object_.sections().size(); ++i) {
      if (object_.sections()[i].name == ".text." + name) return i;
    }
    ADD_FAILURE() << name;
    return 0;
  }
  std::vector<Match> matches(const std::string& function) const {
    auto found = find_matches(object_, section(function), code_);
    EXPECT_TRUE(found) << function << ": " << found.error().message();
    return found ? *found : std::vector<Match>();
  }

  Compiler compiler_;
  std::map<std::string, std::uint64_t> names_;
  std::string file_, object_bytes_;
  RunningCode code_;
  elf::Object object_;
};

TEST_P(RunPre, FindsEachFunctionAndWhatItRefersTo) {
  make(GetParam().compile, GetParam().link);
  load(kSource, GetParam().compile);
  if (HasFatalFailure()) return;
  for (const char* function : {"helper", "classify", "sum", "compare", "work"}) {
    const auto found = matches(function);
    ASSERT_EQ(found.size(), 1U) << function;
    EXPECT_EQ(found[0].address, names_.at(function)) << function;
    int own = 0;
    for (const auto& [use, value] : found[0].symbols) {
      const elf::ObjectSymbol& symbol = object_.symbols()[use.symbol];
      const auto known = names_.find(symbol.name);
      // A library's function may be reached through a table (PLT, also of a static IFUNC).
      const bool elsewhere = symbol.is_undefined() || symbol.type == STT_TLS;
      if (use.via != Via::kValue || known == names_.end() || elsewhere) continue;
      EXPECT_EQ(value, known->second) << symbol.name << " of " << function;
      ++own;
    }
    if (std::string_view(function) == "work") {
      EXPECT_GE(own, 2) << "classify and sum at least";
    }
  }
}

TEST_P(RunPre, OtherSourceIsNoMatch) {
  make(GetParam().compile, GetParam().link);
  std::string other = kSource;
  other.replace(other.find("+ 11"), 4, "+ 12");
  load(other, GetParam().compile);
  if (HasFatalFailure()) return;
  EXPECT_TRUE(matches("classify").empty()) << "one constant differs";
  EXPECT_EQ(matches("helper").size(), 1U);
}

TEST_P(RunPre, ChangedCodeIsNoMatch) {
  make(GetParam().compile, GetParam().link);
  load(kSource, GetParam().compile);
  if (HasFatalFailure()) return;
  const auto whole = matches("sum");
  ASSERT_EQ(whole.size(), 1U);
  const auto at =
      static_cast<std::size_t>(whole[0].address - code_.address +
                               static_cast<std::uint64_t>(code_.bytes.data() - file_.data()));
  std::size_t noticed = 0, bytes = 0;
  for (std::size_t i = 0; i < whole[0].size; ++i) {
    file_[at + i] = static_cast<char>(file_[at + i] ^ 0x10);
    const auto now = match_at(object_, section("sum"), code_, whole[0].address);
    file_[at + i] = static_cast<char>(file_[at + i] ^ 0x10);
    ++bytes;
    // What is filled in may be any number: then another place is found, never the same one.
    if (!now || now->symbols != whole[0].symbols) ++noticed;
  }
  EXPECT_EQ(noticed, bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Builds, RunPre,
    testing::Values(Build{"O0", "-O0 -fPIE", "-pie"}, Build{"O1", "-O1 -fPIE", "-pie"},
                    Build{"O2", "-O2 -fPIE", "-pie"}, Build{"O3", "-O3 -fPIE", "-pie"},
                    Build{"NoPie", "-O2 -fno-pie", "-no-pie"},
                    Build{"Static", "-O2 -fno-pie", "-static"},
                    Build{"StaticPie", "-O2 -fPIE", "-static-pie"},
                    Build{"NoPlt", "-O2 -fPIE -fno-plt", "-pie"},
                    Build{"Cet", "-O2 -fPIE -fcf-protection=full", "-pie"},
                    Build{"Hardened", "-O2 -g -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2",
                          "-pie -Wl,-z,relro,-z,now"}),
    [](const auto& build) { return build.param.name; });

using RunPreOnce = RunPre;

TEST_P(RunPreOnce, OtherFlagsAreNoMatch) {
  make("-O2 -fPIE", "-pie");
  load(kSource, GetParam().compile);
  if (HasFatalFailure()) return;
  EXPECT_TRUE(matches("work").empty());
  EXPECT_TRUE(matches("classify").empty());
}

INSTANTIATE_TEST_SUITE_P(Wrong, RunPreOnce,
                         testing::Values(Build{"O0", "-O0 -fPIE", ""}, Build{"Os", "-Os -fPIE", ""},
                                         Build{"Frame", "-O2 -fPIE -fno-omit-frame-pointer", ""}),
                         [](const auto& build) { return build.param.name; });

TEST(RunPreTwice, EqualFunctionsAreTwoMatches) {
  Compiler compiler;
  const std::string source =
      "int first(int x) { return x * 1237 + 3; }\nint second(int x) { return x * 1237 + 3; }\n";
  const std::string bytes =
      compiler.read(compiler.object("twins", source, "-O1 -ffunction-sections"));
  const auto object = elf::Object::open(bytes);
  ASSERT_TRUE(object);
  std::string code;
  std::size_t one = 0;
  for (std::size_t i = 0; i < object->sections().size(); ++i) {
    if (object->sections()[i].name == ".text.first") one = i;
    if (object->sections()[i].is_code()) code += object->sections()[i].bytes;
  }
  const auto found = find_matches(*object, one, {0x1000, code});
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->size(), 2U);
}

}  // namespace
}  // namespace nines::livepatch
