#include "app/crash/signature_book.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault_point.h"
#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's
#include "sys/test_directory.h"

namespace nines::crash {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::SizeIs;

const std::string kOne(32, '1');
constexpr std::int64_t kSecond_ns = 1'000'000'000;

Sighting seen(const std::string& signature, std::int64_t at_s, const std::string& build = "b1") {
  return {signature, "null-dereference",        "A read of 4 bytes from 0x0.", "main", "teapot",
          build,     UtcTime{at_s * kSecond_ns}};
}

class Book : public testing::Test {
 protected:
  std::string path(const std::string& id) const { return directory() + "/" + id + ".json"; }
  std::string directory() const { return root_.path() + "/crash-signatures"; }
  sys::TestDirectory root_;
  SignatureBook book_{directory()};
};

TEST_F(Book, IsEmptyBeforeTheFirst) {
  EXPECT_EQ(book_.find(kOne).error().code(), ErrorCode::kNotFound);
  const auto all = book_.all();
  ASSERT_TRUE(all);
  EXPECT_THAT(*all, SizeIs(0));
  EXPECT_EQ(book_.set_note(kOne, "x").error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(sys::exists(directory())) << "nothing was to be written";
  EXPECT_EQ(book_.find("../../etc/passwd").error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(Book, CountsAndKeepsWhatAnOperatorWrote) {
  ASSERT_TRUE(book_.add(seen(kOne, 100)));
  ASSERT_TRUE(book_.set_note(kOne, "the pot is empty"));
  ASSERT_TRUE(book_.set_fix(kOne, "https://example.org/1"));
  ASSERT_TRUE(book_.set_whole_core(kOne, UtcTime{150 * kSecond_ns}));
  const auto known = book_.add(seen(kOne, 200, "b2"));
  ASSERT_TRUE(known);
  EXPECT_EQ(known->count, 2U);
  EXPECT_EQ(known->first_seen.ns, 100 * kSecond_ns);
  EXPECT_EQ(known->last_seen.ns, 200 * kSecond_ns);
  EXPECT_EQ(known->note, "the pot is empty");
  EXPECT_EQ(known->fix, "https://example.org/1");
  ASSERT_TRUE(known->whole_core);
  EXPECT_EQ(known->whole_core->ns, 150 * kSecond_ns);
  EXPECT_THAT(known->builds,
              ElementsAre(Field(&BuildSeen::build_id, "b1"), Field(&BuildSeen::build_id, "b2")));
  struct stat info{};
  ASSERT_EQ(::stat(path(kOne).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(directory().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(Book, ForgetsTheBuildThatWasNotSeenForLongest) {
  for (std::size_t i = 0; i <= kMostBuilds; ++i) {
    ASSERT_TRUE(book_.add(seen(kOne, static_cast<std::int64_t>(100 + i), std::to_string(i))));
    ASSERT_TRUE(book_.add(seen(kOne, static_cast<std::int64_t>(100 + i), "0")));
  }
  const auto known = book_.find(kOne);
  ASSERT_TRUE(known);
  EXPECT_THAT(known->builds, SizeIs(kMostBuilds));
  EXPECT_EQ(known->builds.back().build_id, "0");
  EXPECT_EQ(known->builds.back().count, kMostBuilds + 2);
  EXPECT_EQ(known->builds.front().build_id, "2");
}

TEST_F(Book, SaysWhatToDoWithADamagedFile) {
  root_.write("crash-signatures/" + kOne + ".json", "{\"version\":1,\"id\":7}");
  for (const auto& found : {book_.find(kOne), book_.add(seen(kOne, 1))}) {
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), ErrorCode::kCorrupt);
    EXPECT_THAT(found.error().hint(), HasSubstr("nines crash forget --signature " + kOne));
  }
  std::size_t unreadable = 0;
  EXPECT_TRUE(book_.all(&unreadable));
  EXPECT_EQ(unreadable, 1U);
  EXPECT_TRUE(book_.forget(kOne));
  EXPECT_TRUE(book_.add(seen(kOne, 1)));
}

TEST_F(Book, DoesNotTakeOneSignatureForAnother) {
  const std::string two(32, '2');
  ASSERT_TRUE(book_.add(seen(two, 1)));
  ASSERT_EQ(::rename(path(two).c_str(), path(kOne).c_str()), 0);
  EXPECT_EQ(book_.find(kOne).error().code(), ErrorCode::kCorrupt);
}

TEST_F(Book, LetsGoFirstOfWhatNobodyWroteAbout) {
  const SignatureBook small(directory(), 3);
  const std::string ids[] = {std::string(32, 'a'), std::string(32, 'b'), std::string(32, 'c')};
  for (const std::string& id : ids) ASSERT_TRUE(small.add(seen(id, 1)));
  ASSERT_TRUE(small.set_note(ids[0], "known"));
  for (std::size_t i = 0; i < 3; ++i) {
    const timespec when{static_cast<time_t>(1000 + i), 0};
    const timespec times[2] = {when, when};
    ASSERT_EQ(::utimensat(AT_FDCWD, path(ids[i]).c_str(), times, 0), 0);
  }
  ASSERT_TRUE(small.add(seen(kOne, 2)));
  EXPECT_TRUE(small.find(ids[0]));
  EXPECT_FALSE(small.find(ids[1]));
  EXPECT_TRUE(small.find(ids[2]));
  EXPECT_TRUE(small.find(kOne));
}

TEST_F(Book, IsBusyWhileSomebodyAltersIt) {
  ASSERT_TRUE(book_.add(seen(kOne, 1)));
  const auto held = sys::open_file(directory(), O_RDONLY | O_DIRECTORY);
  ASSERT_TRUE(held);
  ASSERT_EQ(::flock(held->get(), LOCK_EX), 0);
  EXPECT_EQ(book_.add(seen(kOne, 2)).error().code(), ErrorCode::kBusy);
  EXPECT_TRUE(book_.find(kOne)) << "reading needs no lock";
}

TEST_F(Book, KilledBeforeItWritesItHasWhatWasThere) {
  ASSERT_TRUE(book_.add(seen(kOne, 1)));
  for (const char* where : {"file_write_temp", "file_rename"}) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (!fault::arm(std::string(where) + ":kill")) ::_exit(1);
      (void)book_.add(seen(kOne, 2)).has_value();
      ::_exit(2);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << where;
    const auto known = book_.find(kOne);
    ASSERT_TRUE(known) << where;
    EXPECT_EQ(known->count, 1U) << where;
  }
  const auto known = book_.add(seen(kOne, 3));
  ASSERT_TRUE(known);
  EXPECT_EQ(known->count, 2U);
}

TEST(KnownSignature, BoundsWhatOthersChose) {
  KnownSignature known;
  known.id = kOne;
  known.function = std::string(100'000, 'f');
  known.summary = "\xff\xfe";
  const auto read = decode_known_signature(encode(known));
  ASSERT_TRUE(read);
  EXPECT_LT(read->function.size(), 1000U);
  EXPECT_EQ(decode_known_signature("").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(decode_known_signature("[]").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(decode_known_signature("{\"version\":2}").error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace nines::crash
