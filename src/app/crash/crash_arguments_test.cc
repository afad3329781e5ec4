#include "app/crash/crash_arguments.h"

#include <gtest/gtest.h>

namespace nines::crash {
namespace {

std::optional<CrashArguments> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "nines-crash");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_crash_arguments(static_cast<int>(argv.size()), argv.data());
}

TEST(CrashArguments, OfAPolicyComeBack) {
  CorePolicy policy{CoreWish::kFull, Bytes{123}, true, true, true};
  auto words = words_of(policy);
  words.emplace_back("/store/ID");
  const auto arguments = parse(words);
  ASSERT_TRUE(arguments);
  EXPECT_EQ(words_of(arguments->policy), words_of(policy));
  EXPECT_EQ(arguments->store(), "/store");
  EXPECT_EQ(arguments->name(), "ID");
}

TEST(CrashArguments, AloneItKeepsNoWholeCore) {
  EXPECT_EQ(parse({"/a/b"})->policy.wish, CoreWish::kMinimal);
  EXPECT_EQ(parse({"--in-store", "/a/b"})->policy.wish, CoreWish::kAuto);
  EXPECT_EQ(parse({"--core", "full", "/a/b"})->policy.wish, CoreWish::kFull);
}

TEST(CrashArguments, TakeAllThatTheDaemonSays) {
  const auto arguments = parse({"--in-store", "--pipe", "12", "2", "--unit", "a.service",
                                "--store-max", "77", "--progress", "5", "/s/crashes/ID"});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->pipe->pid, 12);
  EXPECT_EQ(arguments->pipe->dumpable, 2);
  EXPECT_EQ(arguments->unit, "a.service");
  EXPECT_EQ(arguments->limits.total.count, 77U);
  EXPECT_EQ(arguments->progress, 5);
  EXPECT_EQ(arguments->state(), "/s");
}

TEST(CrashArguments, OfAGoneProcessComeBack) {
  const GoneProcess gone{12, 9, "/usr/bin/eater", {"It ate.", "--oom"}, "/srv"};
  std::vector<std::string> words = {"--in-store", "--log", "/var/log/a.log"};
  for (const std::string& word : words_of(gone)) words.push_back(word);
  words.emplace_back("/s/crashes/ID");
  const auto arguments = parse(words);
  ASSERT_TRUE(arguments && arguments->gone);
  EXPECT_EQ(arguments->log, "/var/log/a.log");
  EXPECT_EQ(words_of(*arguments->gone), words_of(gone));
  EXPECT_FALSE(parse({"--gone", "12", "9", "/a", "/s/ID"})) << "only in a store";
}

TEST(CrashArguments, WhatIsNotUnderstoodIsRefused) {
  for (const auto& words : std::vector<std::vector<std::string>>{{},
                                                                 {"relative"},
                                                                 {"/a", "/b"},
                                                                 {"--core", "all", "/a"},
                                                                 {"--core-limit", "1k", "/a"},
                                                                 {"--core-limit", "-1", "/a"},
                                                                 {"--store-max", "", "/a"},
                                                                 {"--pipe", "1", "/a"},
                                                                 {"--unit"},
                                                                 {"--oom", "of whom?", "/a"},
                                                                 {"--what", "/a"}}) {
    EXPECT_FALSE(parse(words)) << (words.empty() ? "" : words.front());
  }
}

}  // namespace
}  // namespace nines::crash
