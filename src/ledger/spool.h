// Where records wait between emit() and the database: append-only segment files on tmpfs.
//
// A record is safe against kill -9 of this process once append() returned: it is in the page cache
// through one write(2). It is not safe against a power cut until the writer has committed it.
// A segment is written by one process only: a successor begins a new one, so a tail torn by a
// kill stays at the end of its file, and decode_segment() passes over it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "ledger/record.h"
#include "ledger/record_codec.h"

namespace nines::ledger {

struct SpoolOptions {
  std::string directory;  ///< exists; a tmpfs, or durability only lasts as long as its pages
  std::string boot_id;
  Bytes limit = 64_MiB;               ///< info events are dropped above it
  Bytes segment = 1_MiB;              ///< what is drained in one transaction
  std::size_t memory_records = 4096;  ///< held without a file while the directory takes none
};

/// What was lost for want of space. Notable: events that are warnings or errors.
struct DropCounts {
  std::uint64_t info_events = 0;
  std::uint64_t notable_events = 0;
  std::uint64_t intervals = 0;
  std::uint64_t total() const { return info_events + notable_events + intervals; }
};

/// Thread-safe: any thread appends; one thread drains (seal, read, remove, ...).
class Spool {
 public:
  enum class Kept : std::uint8_t {
    kFile,    ///< survives the process
    kMemory,  ///< the file system took it not; lost if the process is killed
    kDropped,
  };
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
    std::size_t records = 0;
  };
  struct Backlog {
    std::size_t records = 0;
    std::uint64_t bytes = 0;
    std::size_t in_memory = 0;
  };

  /// Locks the directory and takes over what a former process left.
  /// @errors kBusy: a live process, named in the detail, has it open.
  ///         kNotFound, kDenied, kIo ...: no such directory, or not ours to write.
  static Result<std::unique_ptr<Spool>> open(SpoolOptions options);
  /// Without a directory: every record is held in memory.
  static std::unique_ptr<Spool> in_memory(SpoolOptions options);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Microseconds: encodes, checks the bounds, one write(2). Bounds: info events up to `limit`,
  /// warnings and errors up to 5/4 of it, intervals up to 3/2.
  Kept append(const Record& record);

  /// Closes the segment being written, so that all() is drained whole; later records go to a new
  /// one, which is made here: to create a file is the dearest part of an append(), and it would
  /// fall to the first record of a crash. Nothing to do when it is empty.
  void seal();
  /// Sealed segments, oldest first.
  std::vector<Segment> sealed() const;
  /// @errors kIo, kDenied ...; kNotFound: somebody removed it.
  Result<DecodedSegment> read(const Segment& segment) const;
  /// Removes a segment whose records are committed.
  Status remove(const Segment& segment);
  /// Copies of the records held in memory; drop_memory(n) removes the n oldest.
  std::vector<Record> memory() const;
  void drop_memory(std::size_t count);

  Backlog backlog() const;
  /// Since this process opened it.
  DropCounts drops() const;
  /// Why records are, or the last one was, held in memory; empty: none is.
  std::string trouble() const;

 private:
  explicit Spool(SpoolOptions options) : options_(std::move(options)) {}
  Status lock();
  Status take_over();
  Status begin_segment();
  Status write_frame();
  void retire_current();
  Kept hold_in_memory(const Record& record, std::string why);
  Kept drop(const Record& record);
  std::uint64_t bound_for(const Record& record) const;
  std::string path_of(std::uint64_t number) const;

  SpoolOptions options_;
  UniqueFd lock_fd_;
  mutable std::mutex mutex_;
  // All below: guarded by mutex_.
  UniqueFd fd_;  // of current_, when valid
  Segment current_;
  std::deque<Segment> sealed_;
  std::uint64_t last_number_ = 0;
  std::uint64_t sealed_bytes_ = 0;
  std::size_t sealed_records_ = 0;
  std::deque<Record> memory_;
  DropCounts drops_;
  std::string frame_;  // reused, so that an append does not allocate
  std::string trouble_;
  BootTime retry_file_at_;
};

}  // namespace nines::ledger
