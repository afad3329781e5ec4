#include "app/livepatch/patch_file.h"

#include <gtest/gtest.h>

namespace nines::livepatch {
namespace {

Patch example() {
  Patch patch;
  patch.name = "redis-CVE-2025-1";
  patch.cve = "CVE-2025-1";
  patch.description = "Check the length.";
  patch.objects = {{"src/a.c", "pre a", "old a", "new a", {"f", "g"}},
                   {"src/b.c", "p", "o", std::string("\0new b", 6), {}}};
  patch.targets = {{"src/redis-server", "00ff10", {0, 1}}, {"src/lib.so", "ab", {1}}};
  return patch;
}

TEST(PatchFile, ComesBackAsItWas) {
  const std::string bytes = encode(example());
  const auto patch = decode_patch(bytes);
  ASSERT_TRUE(patch) << patch.error().message();
  EXPECT_EQ(patch->name, "redis-CVE-2025-1");
  EXPECT_EQ(patch->cve, "CVE-2025-1");
  ASSERT_EQ(patch->objects.size(), 2U);
  EXPECT_EQ(patch->objects[0].pre, "pre a");
  EXPECT_EQ(patch->objects[0].original, "old a");
  EXPECT_EQ(patch->objects[0].only, (std::vector<std::string>{"f", "g"}));
  EXPECT_EQ(patch->objects[1].patched, std::string("\0new b", 6));
  ASSERT_EQ(patch->targets.size(), 2U);
  EXPECT_EQ(patch->targets[0].objects, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(encode(*patch), bytes);
  EXPECT_EQ(patch_id(bytes).size(), 32U);
  EXPECT_NE(patch_id(bytes), patch_id(bytes + "x"));
}

TEST(PatchFile, CutOffOrLongerIsRefused) {
  const std::string bytes = encode(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_patch(bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_patch(bytes + "x"));
}

TEST(PatchFile, NonsenseIsRefused) {
  Patch patch = example();
  patch.targets[0].objects = {2};
  EXPECT_EQ(decode_patch(encode(patch)).error().code(), ErrorCode::kCorrupt);
  patch = example();
  patch.targets[0].build_id = "../x";
  EXPECT_FALSE(decode_patch(encode(patch)));
  patch = example();
  patch.objects[1].patched.clear();
  EXPECT_FALSE(decode_patch(encode(patch)));
  std::string later = encode(example());
  later.replace(later.find("\"version\":1"), 11, "\"version\":2");
  EXPECT_EQ(decode_patch(later).error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace nines::livepatch
