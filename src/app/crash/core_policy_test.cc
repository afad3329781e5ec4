#include "app/crash/core_policy.h"

#include <gtest/gtest.h>

namespace nines::crash {
namespace {

struct Row {
  const char* what;
  CorePolicy policy;
  CoreFacts facts;
  const char* reason;  ///< a part of it; null: a whole core is kept
};

CoreFacts facts() {
  CoreFacts some;
  some.memory = 1024_MiB;
  some.headroom = 8192_MiB;
  some.store_total = 4096_MiB;
  some.store_room = 100000_MiB;
  return some;
}
template <typename Alter>
CoreFacts but(Alter alter) {
  CoreFacts some = facts();
  alter(some);
  return some;
}

std::vector<Row> rows() {
  using enum CoreWish;
  const CorePolicy waits{kAuto, {}, true, false, false};
  const CorePolicy serves{kAuto, {}, false, true, false};
  return {
      {"the ordinary", {kAuto}, facts(), nullptr},
      {"full", {kFull}, facts(), nullptr},
      {"minimal", {kMinimal}, facts(), "CrashCore=minimal"},
      {"none", {kNone}, facts(), "CrashCore=none"},
      {"availability first", waits, facts(), "its successor waits"},
      {"as told", {kFull, {}, true, false, false}, facts(), nullptr},
      {"kill-dump", {kFull, {}, true, false, true}, facts(), "kill-dump"},
      {"at its limit", {kFull, 1024_MiB}, facts(), nullptr},
      {"beyond its limit", {kFull, 1023_MiB}, facts(), "CrashCoreLimit= is 1023.0 MiB"},
      {"two fit", serves, facts(), nullptr},
      {"two do not fit", serves, but([](auto& f) { f.headroom = 1000_MiB; }), "only 1000.0 MiB"},
      {"one alone", {kFull}, but([](auto& f) { f.headroom = 1000_MiB; }), nullptr},
      {"headroom unknown", serves, but([](auto& f) { f.headroom.reset(); }), nullptr},
      {"a small store",
       {kFull},
       but([](auto& f) { f.store_total = 255_MiB; }),
       "--crash-store-max"},
      {"a store that may do", {kFull}, but([](auto& f) { f.store_total = 256_MiB; }), nullptr},
      {"a full disk", {kFull}, but([](auto& f) { f.store_room = 256_MiB; }), "room for 256.0 MiB"},
      {"often today", {kAuto}, but([](auto& f) { f.recent_count = 16; }), "within a day"},
      {"often, as told", {kFull}, but([](auto& f) { f.recent_count = 99; }), nullptr},
      {"much today", {kAuto}, but([](auto& f) { f.recent_bytes = 2049_MiB; }), "half"},
      {"enough today", {kAuto}, but([](auto& f) { f.recent_bytes = 2048_MiB; }), nullptr},
      {"others write", {kFull}, but([](auto& f) { f.writer_free = false; }), "other whole cores"},
      {"nothing to pack",
       {kFull},
       but([](auto& f) { f.memory = f.store_room = Bytes{0}; }),
       "disk"},
  };
}

TEST(CorePolicy, EachRow) {
  for (const Row& row : rows()) {
    const CoreDecision decision = decide(row.policy, row.facts);
    EXPECT_EQ(decision.whole, row.reason == nullptr) << row.what << ": " << decision.reason;
    if (row.reason == nullptr) continue;
    EXPECT_NE(decision.reason.find(row.reason), std::string::npos)
        << row.what << ": " << decision.reason;
  }
}

TEST(CorePolicy, WhatThePolicyAloneSays) {
  for (const Row& row : rows()) {
    const CoreDecision alone = decide(row.policy);
    if (!alone.whole) {
      EXPECT_FALSE(decide(row.policy, row.facts).whole) << row.what;
    }
    if (row.reason == nullptr) {
      EXPECT_TRUE(alone.whole) << row.what;
    }
  }
  EXPECT_FALSE(decide({CoreWish::kMinimal}).whole);
}

TEST(CorePolicy, OnlyAutoAsksWhichCrashItIs) {
  EXPECT_TRUE(wants_signature({CoreWish::kAuto}, {true, {}}));
  EXPECT_FALSE(wants_signature({CoreWish::kAuto}, {false, "no"}));
  EXPECT_FALSE(wants_signature({CoreWish::kFull}, {true, {}}));
}

TEST(CorePolicy, WordsAreThoseOfTheDirective) {
  for (const auto wish : {CoreWish::kAuto, CoreWish::kNone, CoreWish::kMinimal, CoreWish::kFull}) {
    EXPECT_EQ(core_wish(to_string(wish)), wish);
  }
  EXPECT_FALSE(core_wish("all"));
}

}  // namespace
}  // namespace nines::crash
