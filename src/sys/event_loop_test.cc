#include "sys/event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <system_error>
#include <vector>

#include "base/unique_fd.h"

namespace nines::sys {
namespace {

constexpr Nanoseconds kShort = std::chrono::milliseconds(1);
constexpr Nanoseconds kLong = std::chrono::seconds(60);  // only so that a broken test ends

struct Pipe {
  Pipe() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::pipe(fds.data()), 0);
    reader.reset(fds[0]);
    writer.reset(fds[1]);
  }
  void write() const { EXPECT_EQ(::write(writer.get(), "x", 1), 1); }
  void read() const {
    char byte = 0;
    EXPECT_EQ(::read(reader.get(), &byte, 1), 1);
  }
  UniqueFd reader, writer;
};

/// Callbacks of descriptors have no say in how many of them one turn runs.
void run_all(EventLoop& loop) {
  for (int i = 0; i < 20; ++i) loop.run_one(kShort);
}

TEST(EventLoop, CallsUntilEverythingWasRead) {
  EventLoop loop;
  const Pipe pipe;
  int calls = 0;
  const Subscription watch = loop.on_readable(pipe.reader.get(), [&] {
    pipe.read();
    ++calls;
  });
  run_all(loop);
  EXPECT_EQ(calls, 0);
  pipe.write();
  pipe.write();
  pipe.write();
  run_all(loop);
  EXPECT_EQ(calls, 3);
  pipe.write();
  run_all(loop);
  EXPECT_EQ(calls, 4);
}

TEST(EventLoop, WritableAndHangUp) {
  EventLoop loop;
  Pipe pipe;
  bool writable = false;
  Subscription watch = loop.on_writable(pipe.writer.get(), [&] {
    writable = true;
    watch.reset();
  });
  run_all(loop);
  EXPECT_TRUE(writable);
  bool ended = false;
  watch = loop.on_readable(pipe.reader.get(), [&] {
    ended = true;
    watch.reset();
  });
  pipe.writer.reset();
  run_all(loop);
  EXPECT_TRUE(ended);
}

TEST(EventLoop, ACallbackMayEndItsOwnWatchAndWhatItHolds) {
  EventLoop loop;
  const Pipe pipe;
  auto big = std::make_shared<std::vector<int>>(1000, 7);
  const std::weak_ptr<std::vector<int>> seen = big;
  Subscription watch;
  int calls = 0;
  watch = loop.on_readable(pipe.reader.get(), [&, big = std::move(big)] {
    watch.reset();
    calls += big->at(999);  // what it captured lives to the end of the call
  });
  pipe.write();
  run_all(loop);
  EXPECT_EQ(calls, 7);
  EXPECT_TRUE(seen.expired());
}

TEST(EventLoop, ACallbackMayReplaceItsOwnWatch) {
  EventLoop loop;
  const Pipe pipe;
  Subscription watch;
  int second = 0;
  watch = loop.on_readable(pipe.reader.get(), [&] {
    watch.reset();
    watch = loop.on_readable(pipe.reader.get(), [&] {
      pipe.read();
      ++second;
    });
  });
  pipe.write();
  run_all(loop);
  EXPECT_EQ(second, 1);
}

TEST(EventLoop, OfTwoThatAreReadyOneMayEndTheOther) {
  EventLoop loop;
  const std::array<Pipe, 2> pipes;
  std::array<Subscription, 2> watches;
  int calls = 0;
  for (const std::size_t i : {0U, 1U}) {
    watches[i] = loop.on_readable(pipes[i].reader.get(), [&, i] {
      ++calls;
      pipes[i].read();
      watches[1 - i].reset();
    });
    pipes[i].write();
  }
  run_all(loop);
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, AFloodOnSomeStarvesNobody) {
  EventLoop loop;
  const std::array<Pipe, 40> pipes;
  std::vector<Subscription> watches;
  std::array<int, 40> calls{};
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    pipes[i].write();  // and nobody ever reads it
    watches.push_back(loop.on_readable(pipes[i].reader.get(), [&calls, i] { ++calls[i]; }));
  }
  bool fired = false;
  const Subscription timer = loop.after(kShort, [&] { fired = true; });
  const auto done = [&] {
    for (const int count : calls) {
      if (count < 2) return false;
    }
    return fired;
  };
  for (int i = 0; i < 1000 && !done(); ++i) loop.run_one(kLong);
  EXPECT_TRUE(done());
}

TEST(EventLoop, WhatNeverRanMayHoldAWatch) {
  const Pipe pipe;
  EventLoop loop;
  auto watch = std::make_shared<Subscription>(loop.on_readable(pipe.reader.get(), [] {}));
  loop.post([watch = std::move(watch)] {});
}

TEST(EventLoop, WhatCannotBeWatchedIsAnError) {
  EventLoop loop;
  EXPECT_THROW((void)loop.on_readable(-1, [] {}), std::system_error);
}

}  // namespace
}  // namespace nines::sys
