// The signatures of all crashes that were ever diagnosed here, a small file each. What is known of
// a signature outlives the crashes themselves, which are removed when there is no room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/crash/known_signature.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::crash {

/// A crash that was diagnosed.
struct Sighting {
  std::string signature;  ///< 32 hexadecimal digits
  std::string kind, summary, function, program;
  std::string build_id;  ///< of the executable, or empty
  UtcTime time;
};

/// Everything is on the disk: several processes may use one at a time. Each alteration holds a lock
/// on the directory, and replaces a file whole. Files are of their owner alone, 0600.
class SignatureBook {
 public:
  /// Files beyond this number go: those that nobody wrote anything about first, and of them the one
  /// that was altered longest ago.
  static constexpr std::size_t kMost = 10'000;

  /// @param directory  see signatures_path() in places.h; it is made when something is written.
  explicit SignatureBook(std::string directory, std::size_t most = kMost)
      : directory_(std::move(directory)), most_(most) {}

  /// @errors kNotFound: never seen. kCorrupt: its file is no such document, with a hint.
  ///         kInvalidArgument: no signature.
  Result<KnownSignature> find(std::string_view signature) const;
  /// All that can be read, the one seen last first. @param unreadable  if not null: how many can
  /// not.
  Result<std::vector<KnownSignature>> all(std::size_t* unreadable = nullptr) const;

  /// Counts a crash. @return what is known now, with this one.
  /// @errors kBusy: somebody has held the lock for two seconds. kCorrupt: the file is damaged, and
  ///         left as it is. kNoSpace, kDenied ...
  Result<KnownSignature> add(const Sighting& sighting) const;
  /// A whole core of such a crash was kept. @errors kNotFound; as add().
  Status set_whole_core(std::string_view signature, UtcTime when) const;
  /// Replace what an operator wrote; empty text removes it. @errors kInvalidArgument: longer than
  /// kLongestNote; else as above.
  Status set_note(std::string_view signature, const std::string& text) const;
  Status set_fix(std::string_view signature, const std::string& text) const;
  /// @errors kNotFound. One that is damaged is removed, too.
  Status forget(std::string_view signature) const;

  const std::string& directory() const { return directory_; }
  /// Of the file that is, or would be, about it. @pre is_signature()
  std::string path_of(std::string_view signature) const;

 private:
  Result<UniqueFd> lock() const;
  Status save(const KnownSignature& known) const;
  template <typename Alter>
  Status alter(std::string_view signature, Alter how) const;
  void make_room() const;

  std::string directory_;
  std::size_t most_;
};

}  // namespace nines::crash
