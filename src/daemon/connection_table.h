// Which connections are open, and how many of each kind may be.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/access.h"

namespace nines::daemon {

/// Something that holds a client's socket.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void close() = 0;
};

/// Counts connections against two limits, so that clients who may only read can never keep out the
/// one who has to act.
class ConnectionTable : public std::enable_shared_from_this<ConnectionTable> {
 public:
  ConnectionTable(std::size_t most, std::size_t most_readers)
      : most_(most), most_readers_(most_readers) {}

  /// A place in the table; gives it back when destroyed.
  class Slot {
   public:
    Slot(std::shared_ptr<ConnectionTable> table, bool reader)
        : table_(std::move(table)), reader_(reader) {}
    Slot(Slot&&) = default;
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (!table_) return;
      --table_->open_;
      if (reader_) --table_->open_readers_;
    }

   private:
    std::shared_ptr<ConnectionTable> table_;
    bool reader_;
  };

  /// @return empty when the limit that applies is reached.
  std::optional<Slot> admit(Access access) {
    const bool reader = access != Access::kAct;
    if (open_ >= most_ || (reader && open_readers_ >= most_readers_)) return std::nullopt;
    ++open_;
    if (reader) ++open_readers_;
    return Slot(shared_from_this(), reader);
  }

  void add(std::weak_ptr<Connection> connection) {
    std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
    connections_.push_back(std::move(connection));
  }

  void close_all() {
    for (const auto& weak : std::exchange(connections_, {})) {
      if (const auto connection = weak.lock()) connection->close();
    }
  }

  std::size_t open() const { return open_; }

 private:
  std::size_t most_;
  std::size_t most_readers_;
  std::size_t open_ = 0;
  std::size_t open_readers_ = 0;
  std::vector<std::weak_ptr<Connection>> connections_;
};

}  // namespace nines::daemon
