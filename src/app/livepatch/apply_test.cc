// Patches real processes: small programs that are compiled here, stripped, and kept running.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include "app/livepatch/switch.h"
#include "app/livepatch/test_program.h"
#include "base/fault_point.h"
#include "sys/file.h"
#include "sys/procfs.h"
#include "sys/test_child.h"

namespace nines::livepatch {
namespace {

/// What the program shares with its test.
struct Shared {
  volatile long rounds, input, result, threads, stuck;
};

constexpr const char* kMain = R"(
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
struct shared { volatile long rounds, input, result, threads, stuck; };
long answer(long);
long blocks(volatile long*);
static struct shared* s;
static void* work(void* unused) { for (;;) { answer(s->input); __sync_fetch_and_add(&s->threads, 1); } return unused; }
static void* hang(void* unused) { blocks(&s->stuck); return unused; }
int main(int argc, char** argv) {
  int fd = open(argv[1], O_RDWR);
  s = mmap(0, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  pthread_t t;
  for (int i = 2; i < argc && argv[2][0] != 'h'; ++i) pthread_create(&t, 0, work, 0);
  if (argc > 2 && argv[2][0] == 'h') pthread_create(&t, 0, hang, 0);
  for (;;) { s->result = answer(s->input); ++s->rounds; usleep(200); }
}
)";

constexpr const char* kOriginal = R"(
#include <stdlib.h>
#include <string.h>
static __thread long mine = 5;
long table[4] = {1, 2, 3, 4};
static const char* name_of(long n) { switch (n & 7) { case 0: return "zero"; case 1: return "one"; case 2: return "two"; case 3: return "three"; case 4: return "four"; case 5: return "five"; default: return "many"; } }
long calls;
__attribute__((noinline)) static long helper(long x) { static long counter; counter += 1; calls += 1; return table[x & 3] + (counter > 0); }
long answer(long x) { long r = helper(x) * 10 + mine; r += (long)strlen(name_of(x)); return r; }
long blocks(volatile long* stop) { long n = 0; while (!*stop) n += table[n & 3]; return n; }
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

class ApplyTest : public testing::Test {
 protected:
  void start(const std::string& flags, const std::vector<std::string>& arguments = {},
             const std::string& source = kOriginal) {
    source_ = source;
    program_.emplace("gcc", flags);
    ASSERT_TRUE(program_->link(kMain, source));
    const std::string path = program_->directory() + "/shared";
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
    ASSERT_EQ(::ftruncate(file.get(), sizeof(Shared)), 0);
    void* at = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    ASSERT_NE(at, MAP_FAILED);
    shared_ = static_cast<Shared*>(at);
    shared_->input = 2;
    std::vector<std::string> words = {program_->path(), path};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> raw;
    for (std::string& word : words) raw.push_back(word.data());
    raw.push_back(nullptr);
    child_.emplace([&] {
      ::execv(raw[0], raw.data());
      return 127;
    });
    ASSERT_TRUE(sys::eventually([&] { return shared_->rounds > 3; }));
  }
  void TearDown() override {
    child_.reset();
    if (shared_ != nullptr) ::munmap(shared_, sizeof *shared_);
  }

  ProcessId id() const { return sys::Procfs().identify(child_->pid()).value_or(ProcessId{}); }
  std::string maps() const {
    return sys::read_file(fmt::format("/proc/{}/maps", child_->pid())).value_or("");
  }
  /// All code of the program itself, as it is in memory.
  std::string code() const {
    const auto view = trace::LiveView::open(id());
    std::string all;
    for (const auto& mapping : (*view)->mappings()) {
      if (!mapping.executable || mapping.path != program_->path()) continue;
      const auto start = static_cast<std::uint64_t>(mapping.start);
      std::string bytes(static_cast<std::uint64_t>(mapping.end) - start, '\0');
      EXPECT_TRUE((*view)->memory().read(start, bytes.data(), bytes.size()));
      all += bytes;
    }
    EXPECT_FALSE(all.empty());
    return all;
  }
  PatchInput patch(const std::string& patched, const std::string& name = "fix") const {
    return {name, {program_->input(source_, patched)}};
  }
  Result<Switched> apply(const PatchInput& input) const {
    return apply_patch(id(), "", input, {std::chrono::seconds(5)});
  }
  bool becomes(long result) const {
    const long rounds = shared_->rounds;
    return sys::eventually([&] { return shared_->rounds > rounds + 2; }) &&
           sys::eventually([&] { return shared_->result == result; });
  }

  std::string source_;
  std::optional<TestProgram> program_;
  std::optional<sys::TestChild> child_;
  Shared* shared_ = nullptr;
};

constexpr long kBefore = (3 + 1) * 10 + 5 + 3;

class ApplyWays : public ApplyTest, public testing::WithParamInterface<const char*> {};

TEST_P(ApplyWays, ReplacesAFunctionAndPutsItBack) {
  start(GetParam());
  EXPECT_TRUE(becomes(kBefore)) << shared_->result;
  const std::string code_before = code(), maps_before = maps();
  const auto input = patch(replaced(kOriginal, "* 10 + mine", "* 100 + mine"));
  const auto applied = apply(input);
  ASSERT_TRUE(applied) << applied.error().message();
  EXPECT_TRUE(becomes((3 + 1) * 100 + 5 + 3)) << shared_->result;
  EXPECT_NE(maps().find("nines-patch:fix"), std::string::npos);
  const auto listed = list_patches(id());
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().state, PatchState::kApplied);
  EXPECT_EQ(apply(input).error().code(), ErrorCode::kExists);
  const auto reverted = revert_patch(id(), "fix", {});
  ASSERT_TRUE(reverted) << reverted.error().message();
  EXPECT_TRUE(becomes(kBefore)) << shared_->result;
  EXPECT_EQ(code(), code_before);
  EXPECT_EQ(maps(), maps_before);
}

INSTANTIATE_TEST_SUITE_P(Flags, ApplyWays,
                         testing::Values("-O0", "-O1", "-O2", "-O3", "-O2 -no-pie -fno-pie",
                                         "-O2 -static", "-O2 -fno-plt -fPIC",
                                         "-O2 -fcf-protection=full"));

TEST_F(ApplyTest, KeepsStaticDataAndAddsNew) {
  start("-O2");
  std::string fixed =
      replaced(kOriginal, "static long counter; counter += 1;",
               "static long added = 7; static long counter; counter += 1; added += 0;");
  fixed = replaced(fixed, "(counter > 0)", "(counter > 3) + extra(\"new text\") + added * 0");
  fixed = replaced(fixed, "long calls;",
                   "long calls; long brand_new = 40; static long extra(const char* t) { return "
                   "brand_new + labs(-(long)strtol(\"2\", 0, 10)) + (t[0] == 'n'); }");
  const auto applied = apply(patch(fixed));
  ASSERT_TRUE(applied) << applied.error().message();
  // counter has counted before: it is the running one.
  EXPECT_TRUE(becomes((3 + 1 + 43) * 10 + 5 + 3)) << shared_->result;
}

TEST_F(ApplyTest, TextsThatMoveInTheirSectionAreTheRightOnes) {
  start("-O2");
  // Before all others: each label's number and offset is another one then.
  std::string fixed = replaced(kOriginal, "return table[x & 3]",
                               "if (x > 1000) return (long)strlen(name_of(x)) + (long)atoi("
                               "getenv(\"a text before all others\")); return table[x & 3]");
  fixed = replaced(fixed, "case 2: return \"two\"", "case 2: return \"two, and more\"");
  const auto applied = apply(patch(fixed));
  ASSERT_TRUE(applied) << applied.error().message();
  EXPECT_TRUE(becomes((3 + 1) * 10 + 5 + 13)) << shared_->result;
  shared_->input = 3;
  EXPECT_TRUE(becomes((4 + 1) * 10 + 5 + 5)) << shared_->result;
}

TEST_F(ApplyTest, RefusesAnotherInitialValueAndALayoutChange) {
  start("-O2");
  const std::string code_before = code();
  const auto value = apply(patch(replaced(kOriginal, "{1, 2, 3, 4}", "{1, 2, 30, 4}")));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code(), ErrorCode::kUnsupported) << value.error().message();
  EXPECT_EQ(value.error().subject(), "table");
  const auto size = apply(patch(replaced(kOriginal, "table[4]", "table[5]")));
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(code(), code_before);
}

TEST_F(ApplyTest, RefusesAnotherCompilation) {
  start("-O2");
  const std::string code_before = code(), maps_before = maps();
  const TestProgram other("gcc", "-O1 -fno-omit-frame-pointer");
  const auto refused =
      apply({"fix", {other.input(kOriginal, replaced(kOriginal, "* 10 + mine", "* 100 + mine"))}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound) << refused.error().message();
  EXPECT_EQ(code(), code_before);
  EXPECT_EQ(maps(), maps_before);
}

TEST_F(ApplyTest, NamesTheThreadAndFunctionThatBlock) {
  start("-O2", {"hang"});
  const std::string code_before = code(), maps_before = maps();
  const auto input = patch(replaced(kOriginal, "n += table", "n += 1 + table"));
  const auto busy = apply_patch(id(), "", input, {std::chrono::milliseconds(200)});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code(), ErrorCode::kBusy);
  EXPECT_NE(busy.error().detail().find("blocks is on its stack"), std::string::npos)
      << busy.error().message();
  EXPECT_EQ(code(), code_before);
  EXPECT_EQ(maps(), maps_before);
  shared_->stuck = 1;
  EXPECT_TRUE(sys::eventually([&] { return apply(input).has_value(); }));
}

TEST_F(ApplyTest, ManyRoundsUnderFourThreadsLeaveNothing) {
  start("-O2", {"a", "b", "c", "d"});
  const std::string code_before = code(), maps_before = maps();
  const auto input = patch(replaced(kOriginal, "* 10 + mine", "* 100 + mine"));
  constexpr int kRounds = 100;
  for (int round = 0; round < kRounds; ++round) {
    const auto applied = apply(input);
    ASSERT_TRUE(applied) << round << ": " << applied.error().message();
    const auto reverted = revert_patch(id(), "fix", {});
    ASSERT_TRUE(reverted) << round << ": " << reverted.error().message();
  }
  const long calls = shared_->threads;
  EXPECT_TRUE(sys::eventually([&] { return shared_->threads > calls + 1000; }));
  EXPECT_TRUE(becomes(kBefore));
  EXPECT_EQ(code(), code_before);
  EXPECT_EQ(maps(), maps_before);
}

TEST_F(ApplyTest, PatchOverPatchIsRevertedInOrder) {
  start("-O2");
  const std::string code_before = code();
  const auto one = apply(patch(replaced(kOriginal, "* 10 + mine", "* 100 + mine"), "one"));
  ASSERT_TRUE(one) << one.error().message();
  const auto two = apply(patch(replaced(kOriginal, "* 10 + mine", "* 1000 + mine"), "two"));
  ASSERT_TRUE(two) << two.error().message();
  EXPECT_TRUE(becomes((3 + 1) * 1000 + 5 + 3)) << shared_->result;
  EXPECT_EQ(revert_patch(id(), "one", {}).error().code(), ErrorCode::kBusy);
  ASSERT_TRUE(revert_patch(id(), "two", {}));
  EXPECT_TRUE(becomes((3 + 1) * 100 + 5 + 3)) << shared_->result;
  ASSERT_TRUE(revert_patch(id(), "one", {}));
  EXPECT_TRUE(becomes(kBefore));
  EXPECT_EQ(code(), code_before);
}

TEST_F(ApplyTest, APatcherKilledAtAnyStepLeavesOldOrNewCode) {
  start("-O2", {"a", "b"});
  const std::string code_before = code(), maps_before = maps();
  const auto input = patch(replaced(replaced(kOriginal, "* 10 + mine", "* 100 + mine"),
                                    "counter += 1;", "counter += 2;"));
  for (const char* fault : {"patch_mapped:kill", "patch_linked:kill", "patch_stopped:kill",
                            "patch_half:kill", "patch_half:kill@2"}) {
    sys::TestChild patcher([&] {
      (void)fault::arm(fault).has_value();
      (void)apply(input).has_value();
      return 0;
    });
    EXPECT_EQ(WTERMSIG(patcher.wait()), SIGKILL) << fault;
    EXPECT_TRUE(sys::eventually([&] { return shared_->result == 408 || shared_->result == 48; }));
    const long calls = shared_->threads;
    EXPECT_TRUE(sys::eventually([&] { return shared_->threads > calls + 1000; })) << fault;
    // The next one clears up.
    const auto again = apply(input);
    EXPECT_TRUE(again || again.error().code() == ErrorCode::kExists) << again.error().message();
    EXPECT_TRUE(becomes(408)) << fault << shared_->result;
    const auto reverted = revert_patch(id(), "fix", {});
    ASSERT_TRUE(reverted) << reverted.error().message();
    EXPECT_EQ(code(), code_before) << fault;
    EXPECT_EQ(maps(), maps_before) << fault;
  }
}

}  // namespace
}  // namespace nines::livepatch
