// Lines that wait on the disk, so that nothing is held open for whoever sends them.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/result.h"

namespace nines::ledger {

/// A file without a name: it goes with its owner, also after kill -9.
class LineFile {
 public:
  /// @param path  beside which it is made: that file system has room for the lines' records, too.
  /// @errors kNoSpace, kDenied, kIo ...
  static Result<LineFile> beside(const std::string& path);

  /// @pre  `line` has no newline in it.
  Status add(const std::string& line);
  /// From now on they are read. @errors kNoSpace: not all of them found room.
  Status rewind();
  /// @return false: no more.
  Result<bool> next(std::string* line);

 private:
  struct Close {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  struct Free {
    void operator()(char* text) const;
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::unique_ptr<char, Free> buffer_;  ///< getline(3)'s
  std::size_t capacity_ = 0;
  std::string path_;
};

}  // namespace nines::ledger
