#include "app/usage/proc_text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nines::usage {
namespace {

TEST(ProcLimits, SoftOnesAreRead) {
  const SoftLimits limits = parse_limits(
      "Limit                     Soft Limit           Hard Limit           Units     \n"
      "Max cpu time              unlimited            unlimited            seconds   \n"
      "Max data size             4096                 unlimited            bytes     \n"
      "Max processes             63422                63423                processes \n"
      "Max open files            1024                 524288               files     \n"
      "Max address space         unlimited            unlimited            bytes     \n");
  EXPECT_EQ(limits.descriptors, 1024);
  EXPECT_EQ(limits.tasks_of_user, 63422);
  EXPECT_EQ(limits.data, 4096);
  EXPECT_TRUE(std::isinf(limits.address_space));
}

TEST(ProcLimits, WhatIsNotSaidIsNoLimit) {
  EXPECT_TRUE(std::isinf(parse_limits("").descriptors));
  EXPECT_TRUE(std::isinf(parse_limits("Max open files").descriptors));
}

TEST(ProcStatus, IsReadFromItsLines) {
  const StatusFacts facts = parse_status(
      "Name:\tVmRSS:\t7\nUid:\t1000\t1001\t1002\t1003\nVmSize:\t   20 kB\nVmData:\t   3 kB\n"
      "VmRSS:\t   10 kB\nVmSwap:\t   2 kB\nCapEff:\t0000000001000000\n");
  EXPECT_EQ(facts.real_user, 1000U);
  EXPECT_EQ(facts.capabilities, 1ULL << 24);
  EXPECT_EQ(facts.address_space, 20 * 1024);
  EXPECT_EQ(facts.data, 3 * 1024);
  EXPECT_EQ(facts.resident, 10 * 1024);
  EXPECT_EQ(facts.swap, 2 * 1024);
}

TEST(ProcStatus, AKernelThreadHasNoMemory) {
  EXPECT_EQ(parse_status("Name:\tkthreadd\nUid:\t0\t0\t0\t0\n").resident, 0);
}

TEST(ProcFdinfo, TellsWhetherItMayBeWritten) {
  const auto read = parse_fdinfo("pos:\t0\nflags:\t0100000\nmnt_id:\t29\nino:\t5\n");
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->for_writing);
  EXPECT_EQ(read->mount, 29);
  EXPECT_TRUE(parse_fdinfo("flags:\t0102001\nmnt_id:\t29\n")->for_writing);
  EXPECT_TRUE(parse_fdinfo("flags:\t02\nmnt_id:\t29\n")->for_writing);
  for (const char* text : {"", "flags:\t01\n", "mnt_id:\t1\n", "flags:\t9\nmnt_id:\t1\n",
                           "flags:\t01\nmnt_id:\t99999999999\n"}) {
    EXPECT_FALSE(parse_fdinfo(text)) << text;
  }
}

TEST(Numbers, MayBeAbsentForMax) {
  EXPECT_EQ(parse_amount("12\n"), 12.0);
  EXPECT_TRUE(std::isinf(parse_amount("max\n").value_or(0)));
  EXPECT_FALSE(parse_amount(""));
  EXPECT_FALSE(parse_amount("-1\n"));
}

}  // namespace
}  // namespace nines::usage
