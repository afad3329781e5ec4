#include "app/crash/pack_image.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/crash/packed_core.h"
#include "sys/file.h"

namespace nines::crash {
namespace {

// Frames that wait for an earlier one. Those of zeros are small: with them no thread ever waits.
constexpr std::size_t kMostWaiting = std::size_t{16} << 20;
constexpr Nanoseconds kProgressEvery = std::chrono::milliseconds(500);

/// All threads take the next piece each, and whoever has made the frame that is next in the file
/// writes it, and those behind it that are ready.
class Packing {
 public:
  Packing(const PackSource& source, int out, const PackOptions& options)
      : source_(source), out_(out), options_(options) {}

  /// One thread's work.
  void run() {
    PiecePacker packer;
    std::string buffer(kPiece, '\0');
    while (const auto piece = next_piece()) {
      if (const Status done = pack_one(*piece, packer, buffer); !done) fail(done.error());
    }
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }

  void started() {
    const std::lock_guard lock(mutex_);
    ++running_;
  }

  /// @return false: nothing happened for too long.
  bool wait() {
    std::unique_lock lock(mutex_);
    std::uint64_t seen = steps_;
    BootTime moved = boot_now();
    while (running_ > 0) {
      changed_.wait_for(lock, kProgressEvery);
      if (steps_ != seen) {
        seen = steps_;
        moved = boot_now();
        lock.unlock();
        if (options_.on_progress) options_.on_progress();
        lock.lock();
      }
      if (boot_now() - moved > options_.stall) return false;
    }
    return true;
  }

  Result<Bytes> finish() {
    if (error_) return *error_;
    const std::string table = table_.encode();
    NINES_TRY(write_frame(table));
    return Bytes{written_};
  }

  void fail(Error error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    changed_.notify_all();
  }

 private:
  struct Frame {
    std::string bytes;
    std::size_t holds = 0;
  };

  std::size_t holds(std::uint64_t piece) const {
    return static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, source_.size - piece * kPiece));
  }

  std::optional<std::uint64_t> next_piece() {
    std::unique_lock lock(mutex_);
    // The frame that is next is another thread's work, which never waits: it is written at once.
    changed_.wait(lock, [&] { return error_ || waiting_bytes_ < kMostWaiting; });
    if (error_ || next_ * kPiece >= source_.size) return std::nullopt;
    return next_++;
  }

  Status pack_one(std::uint64_t piece, PiecePacker& packer, std::string& buffer) {
    const std::size_t size = holds(piece);
    NINES_ASSIGN(const bool bytes, source_.read(piece * kPiece, {buffer.data(), size}));
    NINES_ASSIGN(const std::string_view frame,
                 bytes ? packer.pack({buffer.data(), size}) : packer.pack_zeros(size));
    return deliver(piece, {std::string(frame), size});
  }

  Status deliver(std::uint64_t piece, Frame frame) {
    std::unique_lock lock(mutex_);
    ++steps_;
    waiting_bytes_ += frame.bytes.size();
    ready_.emplace(piece, std::move(frame));
    if (writing_) return {};
    writing_ = true;
    for (auto next = ready_.find(turn_); next != ready_.end() && !error_;
         next = ready_.find(turn_)) {
      const Frame one = std::move(next->second);
      ready_.erase(next);
      lock.unlock();
      const Status written = write_frame(one.bytes);
      lock.lock();
      // Before another thread may write: nothing comes after a frame that is missing.
      if (!written && !error_) error_ = written.error();
      table_.add(one.bytes.size(), one.holds);
      waiting_bytes_ -= one.bytes.size();
      ++turn_;
      ++steps_;
      changed_.notify_all();
    }
    writing_ = false;
    return {};
  }

  Status write_frame(std::string_view bytes) {
    if (options_.may_write) NINES_TRY(options_.may_write(Bytes{written_ + bytes.size()}));
    NINES_TRY(sys::write_all(out_, bytes, "the core"));
    written_ += bytes.size();
    return {};
  }

  const PackSource source_;
  const int out_;
  const PackOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 0;  ///< the piece that nobody has taken yet
  std::uint64_t turn_ = 0;  ///< the piece whose frame is next in the file
  std::map<std::uint64_t, Frame> ready_;
  std::size_t waiting_bytes_ = 0;
  bool writing_ = false;
  std::uint64_t written_ = 0;  ///< of who writes
  FrameTable table_;
  std::uint64_t steps_ = 0;
  unsigned running_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<Bytes> pack_image(const PackSource& source, int out, const PackOptions& options) {
  // Shared, since a thread that hangs in the kernel outlives this call.
  const auto packing = std::make_shared<Packing>(source, out, options);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1U, options.threads); ++i) {
    packing->started();
    threads.emplace_back([packing] { packing->run(); });
  }
  if (!packing->wait()) {
    packing->fail(Error(ErrorCode::kTimeout, "write the core"));
    for (std::thread& thread : threads) thread.detach();
    return Error(ErrorCode::kTimeout, "write the core")
        .with_detail("nothing could be read or written for 30 s");
  }
  for (std::thread& thread : threads) thread.join();
  return packing->finish();
}

}  // namespace nines::crash
