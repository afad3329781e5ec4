#include "elf/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "elf/call_frames.h"
#include "elf/symbols.h"

namespace nines::elf {
namespace {

/// This program itself.
const std::string& own_bytes() {
  static const std::string kBytes = [] {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }();
  return kBytes;
}

TEST(Image, FindsItsOwnFunctions) {
  const auto image = Image::open(own_bytes());
  ASSERT_TRUE(image) << image.error().message();
  const auto main_at = find_address(*image, "main");
  ASSERT_TRUE(main_at);
  const auto found = find_symbols(*image, {*main_at, *main_at + 1});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at(*main_at).name, "main");
  EXPECT_EQ(found.at(*main_at + 1).address, *main_at);
  EXPECT_FALSE(find_address(*image, "there is no such function"));
}

TEST(Image, KnowsHowToLeaveAFunction) {
  const auto image = Image::open(own_bytes());
  ASSERT_TRUE(image);
  CallFrames frames(image->elf());
  const auto main_at = find_address(*image, "main");
  ASSERT_TRUE(main_at);
  const FrameRules* rules = frames.at(*main_at);
  ASSERT_NE(rules, nullptr);
  EXPECT_FALSE(rules->signal);
  EXPECT_FALSE(rules->cfa.empty());
  EXPECT_EQ(frames.at(*main_at), rules) << "asked for once";
  EXPECT_EQ(frames.at(8), nullptr);
}

TEST(Image, IsNotMadeOfAnythingElse) {
  EXPECT_EQ(Image::open("").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(Image::open(std::string(4096, 'x')).error().code(), ErrorCode::kCorrupt);
  std::string other = own_bytes().substr(0, 4096);
  other[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(Image::open(other).error().code(), ErrorCode::kUnsupported);
}

TEST(Image, HasTheSameBuildIdInItsHead) {
  const auto image = Image::open(own_bytes());
  ASSERT_TRUE(image);
  EXPECT_THAT(image->build_id(), testing::MatchesRegex("([0-9a-f][0-9a-f])*"));
}

TEST(BuildId, IsInOneOfSeveralNotes) {
  using std::string_view_literals::operator""sv;
  const std::string_view other = "\4\0\0\0\4\0\0\0\5\0\0\0GNU\0abcd"sv;
  const std::string_view id = "\4\0\0\0\3\0\0\0\3\0\0\0GNU\0\x01\xab\xff\0"sv;
  EXPECT_EQ(build_id_in_notes(std::string(other) + std::string(id), 4), "01abff");
  EXPECT_EQ(build_id_in_notes(other, 4), "");
  EXPECT_EQ(build_id_in_notes(id.substr(0, id.size() - 3), 4), "") << "cut off";
}

TEST(DebugLink, CrcIsThatOfZip) {
  EXPECT_EQ(debug_link_crc("123456789"), 0xcbf43926U);
}

TEST(Demangle, LeavesAloneWhatIsNoName) {
  EXPECT_EQ(demangle("_ZN3foo3barEi"), "foo::bar(int)");
  EXPECT_EQ(demangle("main"), "main");
  EXPECT_EQ(demangle("_Znot"), "_Znot");
  EXPECT_EQ(demangle("_Z" + std::string(1 << 20, 'P')).size(), (1 << 20) + 2U);
  EXPECT_EQ(demangle_type("St13runtime_error"), "std::runtime_error");
}

}  // namespace
}  // namespace nines::elf
