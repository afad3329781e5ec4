#include "app/crash/pack_image.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "app/crash/packed_core.h"
#include "sys/file.h"
#include "sys/test_directory.h"

namespace nines::crash {
namespace {

/// Noise, zeros and text in turns, with a piece that is not whole at the end.
std::string mixed() {
  std::mt19937_64 random(7);
  std::string bytes(9 * kPiece + 4321, '\0');
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::size_t piece = at / kPiece;
    if (piece % 3 == 1) continue;
    const std::uint64_t word = piece % 3 == 0 ? random() : 0x6162636465666768;
    std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, bytes.size() - at));
  }
  return bytes;
}

PackSource source_of(const std::string& bytes) {
  return {bytes.size(), [&bytes](std::uint64_t offset, std::span<char> into) -> Result<bool> {
            std::memcpy(into.data(), bytes.data() + offset, into.size());
            return true;
          }};
}

class PackImage : public testing::Test {
 protected:
  UniqueFd create(const char* name) {
    auto file = sys::open_file(directory_.path() + "/" + name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT_TRUE(file);
    return file ? std::move(*file) : UniqueFd();
  }
  sys::TestDirectory directory_;
};

TEST_F(PackImage, IsTheSameWithEachNumberOfThreads) {
  const std::string bytes = mixed();
  for (const unsigned threads : {1U, 2U, 5U}) {
    const UniqueFd packed = create("packed"), out = create("out");
    PackOptions options;
    options.threads = threads;
    const auto size = pack_image(source_of(bytes), packed.get(), options);
    ASSERT_TRUE(size) << size.error().message();
    EXPECT_EQ(static_cast<off_t>(size->count), ::lseek(packed.get(), 0, SEEK_END));
    ASSERT_TRUE(unpack_core(packed.get(), out.get()));
    EXPECT_TRUE(directory_.read("out") == bytes) << threads;
  }
}

TEST_F(PackImage, OfZerosNothingIsRead) {
  const UniqueFd packed = create("packed"), out = create("out");
  const PackSource zeros{5 * kPiece + 1,
                         [](std::uint64_t, std::span<char>) -> Result<bool> { return false; }};
  ASSERT_TRUE(pack_image(zeros, packed.get(), {}));
  ASSERT_TRUE(unpack_core(packed.get(), out.get()));
  EXPECT_TRUE(directory_.read("out") == std::string(zeros.size, '\0'));
}

TEST_F(PackImage, EndsWithTheFirstError) {
  const std::string bytes = mixed();
  PackSource source = source_of(bytes);
  source.read = [&, read = source.read](std::uint64_t offset,
                                        std::span<char> into) -> Result<bool> {
    if (offset >= 4 * kPiece) return Error(ErrorCode::kGone, "read");
    return read(offset, into);
  };
  EXPECT_EQ(pack_image(source, create("packed").get(), {}).error().code(), ErrorCode::kGone);
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(pack_image(source_of(bytes), full.get(), {}).error().code(), ErrorCode::kNoSpace);
}

TEST_F(PackImage, AsksBeforeItWrites) {
  const std::string bytes = mixed();
  std::uint64_t last = 0;
  PackOptions options;
  options.may_write = [&](Bytes written) -> Status {
    EXPECT_GT(written.count, last);
    last = written.count;
    if (written.count > 3 * kPiece) return Error(ErrorCode::kLimit, "write");
    return {};
  };
  const UniqueFd packed = create("packed");
  EXPECT_EQ(pack_image(source_of(bytes), packed.get(), options).error().code(), ErrorCode::kLimit);
  EXPECT_LE(::lseek(packed.get(), 0, SEEK_END), static_cast<off_t>(3 * kPiece));
}

TEST_F(PackImage, ThatNothingMovesIsNoticed) {
  // Shared: the thread that hangs may outlive this test.
  const auto over = std::make_shared<std::atomic<bool>>(false);
  const PackSource hangs{3 * kPiece, [over](std::uint64_t, std::span<char>) -> Result<bool> {
                           while (!*over) std::this_thread::yield();
                           return Error(ErrorCode::kCancelled, "read");
                         }};
  PackOptions options;
  options.threads = 1;
  options.stall = std::chrono::milliseconds(50);
  const UniqueFd packed = create("packed");
  EXPECT_EQ(pack_image(hangs, packed.get(), options).error().code(), ErrorCode::kTimeout);
  *over = true;
}

}  // namespace
}  // namespace nines::crash
