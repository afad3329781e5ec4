#include "app/crash/packed_core.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "app/crash/sparse_writer.h"
#include "sys/file.h"
#include "sys/test_directory.h"

namespace nines::crash {
namespace {

std::string noise(std::size_t size) {
  std::mt19937 random(1);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

class PackedCore : public testing::Test {
 protected:
  std::string pack(std::string_view core) {
    PiecePacker packer;
    FrameTable table;
    std::string packed;
    while (!core.empty()) {
      const std::string_view piece = core.substr(0, kPiece);
      const auto frame = packer.pack(piece);
      EXPECT_TRUE(frame);
      packed += *frame;
      table.add(frame->size(), piece.size());
      core.remove_prefix(piece.size());
    }
    return packed + table.encode();
  }

  Status unpack(const std::string& packed, Bytes most = Bytes{UINT64_MAX}) {
    directory_.write("packed", packed);
    NINES_ASSIGN(const UniqueFd in, sys::open_file(directory_.path() + "/packed", O_RDONLY));
    NINES_ASSIGN(const UniqueFd out,
                 sys::open_file(directory_.path() + "/core", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    return unpack_core(in.get(), out.get(), most);
  }
  void expect_corrupt(const std::string& packed, std::string_view what) {
    const Status status = unpack(packed);
    ASSERT_FALSE(status) << what;
    EXPECT_EQ(status.error().code(), ErrorCode::kCorrupt);
    EXPECT_NE(status.error().message().find(what), std::string::npos) << status.error().message();
  }

  sys::TestDirectory directory_;
};

TEST_F(PackedCore, TakesUpNoMoreThanItMay) {
  const std::string packed = pack(std::string(3 * kPiece, 'x') + std::string(kPiece, '\0'));
  EXPECT_TRUE(unpack(packed, Bytes{3 * kPiece}));
  const Status more = unpack(packed, Bytes{3 * kPiece - 1});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), ErrorCode::kNoSpace);
}

TEST_F(PackedCore, ComesBackAsItWas) {
  const std::string core =
      noise(kPiece) + std::string(3 * kPiece, '\0') + noise(70000) + std::string(5000, '\0');
  for (const std::size_t size : {core.size(), kPiece, kPiece + 1, std::size_t{1}, std::size_t{0}}) {
    ASSERT_TRUE(unpack(pack(core.substr(0, size)))) << size;
    EXPECT_TRUE(directory_.read("core") == core.substr(0, size)) << size;
  }
}

TEST_F(PackedCore, ZerosCostNothing) {
  const std::string packed = pack(std::string(512 * kPiece, '\0'));
  EXPECT_LT(packed.size(), 64U << 10);
  ASSERT_TRUE(unpack(packed));
  struct stat info{};
  ASSERT_EQ(::stat((directory_.path() + "/core").c_str(), &info), 0);
  EXPECT_EQ(static_cast<std::size_t>(info.st_size), 512 * kPiece);
  EXPECT_EQ(info.st_blocks, 0);
}

TEST_F(PackedCore, IsReadByZstdItself) {
  const std::string core = noise(kPiece) + std::string(kPiece, '\0') + noise(999);
  directory_.write("core.zst", pack(core));
  const std::string path = directory_.path() + "/core.zst";
  if (std::system("zstd --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "needs zstd";
  ASSERT_EQ(std::system(("zstd -q -d " + path).c_str()), 0);
  EXPECT_TRUE(directory_.read("core") == core);
}

TEST_F(PackedCore, OneThatWasCutOffSaysSo) {
  const std::string packed = pack(noise(kPiece + 5));
  for (const std::size_t size : {packed.size() - 1, packed.size() - 40, packed.size() / 2,
                                 std::size_t{10}, std::size_t{0}}) {
    expect_corrupt(packed.substr(0, size), "it was cut off");
  }
  expect_corrupt(packed.substr(1), "frame 1");
}

TEST_F(PackedCore, DamageIsNamed) {
  const std::string packed = pack(noise(kPiece) + noise(kPiece) + "end");
  std::string changed = packed;
  changed[kPiece + 5000] ^= 1;
  expect_corrupt(changed, "frame 1, at byte");
  changed = packed;
  changed[0] ^= 1;
  expect_corrupt(changed, "frame 0, at byte 0");
}

TEST_F(PackedCore, ATableThatLiesIsNotBelieved) {
  const std::string frame = pack("core").substr(0, pack("core").size() - 25);
  const auto with = [&](std::size_t packed, std::size_t unpacked) {
    FrameTable table;
    table.add(packed, unpacked);
    return frame + table.encode();
  };
  ASSERT_TRUE(unpack(with(frame.size(), 4)));
  expect_corrupt(with(frame.size(), 5), "holds 4 bytes, not 5");
  expect_corrupt(with(frame.size(), kPiece + 1), "is said to hold");
  expect_corrupt(with(frame.size(), 0), "is said to hold");
  expect_corrupt(with(frame.size() + 1, 4), "is said to be of");
  expect_corrupt(with(frame.size() - 1, 4), "in no frame");
  std::string many = with(frame.size(), 4);
  many[many.size() - 6] = '\x7f';  // the number of frames
  expect_corrupt(many, "is said to have");
}

TEST_F(PackedCore, AFrameThatGrowsBeyondItsPieceIsNotUnpacked) {
  // A real frame of zeros, which says 2 MiB, after 4 bytes of which the table says they are all.
  PiecePacker packer;
  FrameTable table;
  const std::string frame(*packer.pack(std::string(kPiece, '\0')));
  table.add(frame.size(), 4);
  expect_corrupt(frame + table.encode(), "holds 2097152 bytes, not 4");
}

TEST(SparseWriter, KnowsZeros) {
  std::string bytes(100, '\0');
  EXPECT_TRUE(all_zeros(bytes));
  EXPECT_TRUE(all_zeros(""));
  EXPECT_FALSE(all_zeros("x"));
  bytes[99] = 'x';
  EXPECT_FALSE(all_zeros(bytes));
}

}  // namespace
}  // namespace nines::crash
