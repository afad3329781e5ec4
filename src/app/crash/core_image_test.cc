#include "app/crash/core_image.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace nines::crash {
namespace {

constexpr std::size_t kPage = 4096;

/// Of this process, which is not dying: memory is memory.
class Image : public testing::Test {
 public:
  ~Image() override {
    if (memory_ != nullptr) ::munmap(memory_, size_);
  }

 protected:
  Image() : process_(sys::Pidfd::open(::getpid()).value_or(sys::Pidfd())) {
    start_.bytes.assign(kPage, 'h');
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  char* map(std::size_t pages) {
    size_ = pages * kPage;
    void* const at =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(at, MAP_FAILED);
    memory_ = static_cast<char*>(at);
    ::madvise(memory_, size_, MADV_NOHUGEPAGE);
    return memory_;
  }
  void add(const void* address, std::uint64_t offset, std::size_t size) {
    elf::CoreSegment segment;
    segment.address = reinterpret_cast<std::uintptr_t>(address);
    segment.offset = offset;
    segment.memory_size = segment.file_size = size;
    start_.head.segments.push_back(segment);
  }
  Result<CoreImage> open() { return CoreImage::open(start_, process_, ::getpid()); }
  std::string read(const CoreImage& image, std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '?');
    const auto content = image.read(offset, bytes);
    if (!content) return content.error().message();
    return *content == CoreImage::Content::kZeros ? std::string(size, '\0') : bytes;
  }

  sys::Pidfd process_;
  CoreStart start_;
  char* memory_ = nullptr;
  std::size_t size_ = 0;
};

TEST_F(Image, HasEachPartAtItsPlace) {
  char* const memory = map(8);
  std::memset(memory + 2 * kPage, 'a', kPage);
  std::memset(memory + 7 * kPage, 'z', kPage);
  add(memory, 2 * kPage, 8 * kPage);
  const auto image = open();
  ASSERT_TRUE(image);
  EXPECT_EQ(image->size(), 10 * kPage);
  const std::string expected = start_.bytes + std::string(kPage, '\0') + std::string(memory, size_);
  EXPECT_EQ(read(*image, 0, expected.size()), expected);
  for (const std::size_t at : {std::size_t{1}, kPage - 1, 4 * kPage - 3, 9 * kPage}) {
    EXPECT_EQ(read(*image, at, 700), expected.substr(at, 700)) << at;
  }
}

TEST_F(Image, WhatWasNeverTouchedIsNotRead) {
  char* const memory = map(1000);
  memory[500 * kPage] = 'x';
  add(memory, kPage, size_);
  const auto image = open();
  ASSERT_TRUE(image);
  std::string bytes(size_, '?');
  EXPECT_EQ(image->read(kPage, std::span(bytes).first(400 * kPage)).value(),
            CoreImage::Content::kZeros);
  EXPECT_EQ(image->memory_read().count, 0U);
  const std::string whole = read(*image, kPage, size_);
  EXPECT_LT(image->memory_read().count, 100 * kPage);
  // Only now: to look at a page is to touch it.
  EXPECT_TRUE(whole == std::string(memory, size_));
}

TEST_F(Image, WhatCannotBeReadIsZeros) {
  char* const memory = map(4);
  std::memset(memory, 'm', size_);
  ::munmap(memory + kPage, kPage);
  // As of a file, whose pages are read whether they are there or not.
  add(memory, kPage, size_);
  const auto start = reinterpret_cast<std::uintptr_t>(memory);
  start_.head.files.push_back({start, start + size_, 0, "/a/file"});
  const auto image = open();
  ASSERT_TRUE(image);
  EXPECT_EQ(read(*image, kPage, size_),
            std::string(kPage, 'm') + std::string(kPage, '\0') + std::string(2 * kPage, 'm'));
}

TEST_F(Image, SegmentsThatOverlapAreNone) {
  char* const memory = map(4);
  add(memory, kPage, 2 * kPage);
  add(memory + 2 * kPage, 2 * kPage, kPage);
  EXPECT_EQ(open().error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace nines::crash
