#include "sys/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace nines::sys {
namespace {

TEST(Signals, NamesAndNumbersOfSystemd) {
  EXPECT_EQ(*parse_signal("SIGTERM"), SIGTERM);
  EXPECT_EQ(*parse_signal("TERM"), SIGTERM);
  EXPECT_EQ(*parse_signal("9"), SIGKILL);
  EXPECT_EQ(*parse_signal("RTMIN"), SIGRTMIN);
  EXPECT_EQ(*parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
  EXPECT_EQ(*parse_signal("RTMAX-1"), SIGRTMAX - 1);
  EXPECT_EQ(*parse_signal("IOT"), SIGABRT);
}

TEST(Signals, WhatIsNoSignalIsRefused) {
  for (const char* text : {"", "SIG", "term", "TERMX", "0", "-1", "65", "99999999999", "RTMIN-1",
                           "RTMIN+", "RTMIN+31", "RTMAX+1", "RTMIN+-1", "SIGSIGTERM", "9 "}) {
    const auto parsed = parse_signal(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(Signals, EveryNameIsReadBack) {
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (signal > 31 && signal < SIGRTMIN) continue;  // libc keeps these for itself
    EXPECT_EQ(*parse_signal(signal_name(signal)), signal) << signal_name(signal);
  }
  EXPECT_EQ(signal_name(SIGTERM), "SIGTERM");
  EXPECT_EQ(signal_name(SIGRTMIN + 2), "SIGRTMIN+2");
  EXPECT_EQ(signal_name(0), "0");
  EXPECT_EQ(signal_name(1000), "1000");
}

TEST(SignalFd, DeliversWhoSentWhat) {
  auto signals = SignalFd::open({SIGUSR1, SIGUSR2});
  ASSERT_TRUE(signals.has_value()) << signals.error().message();
  EXPECT_FALSE(signals->read()->has_value());
  ::kill(::getpid(), SIGUSR2);
  const auto received = signals->read();
  ASSERT_TRUE(received.has_value() && received->has_value());
  EXPECT_EQ((*received)->signal, SIGUSR2);
  EXPECT_EQ((*received)->sender, ::getpid());
  EXPECT_EQ((*received)->sender_uid, ::getuid());
  EXPECT_FALSE(signals->read()->has_value());
  EXPECT_TRUE(unblock_signals({SIGUSR1, SIGUSR2}).has_value());
}

TEST(Signals, BlockAndUnblock) {
  const auto is_blocked = [](int signal) {
    sigset_t now;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &now);
    return ::sigismember(&now, signal) == 1;
  };
  ASSERT_TRUE(block_signals({SIGUSR1}).has_value());
  EXPECT_TRUE(is_blocked(SIGUSR1));
  ASSERT_TRUE(unblock_signals({SIGUSR1}).has_value());
  EXPECT_FALSE(is_blocked(SIGUSR1));
  EXPECT_EQ(block_signals({9999}).error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace nines::sys
