// Shows on a terminal what is longer than its screen with a program like less.
#pragma once

#include <sys/types.h>

#include <ostream>
#include <streambuf>
#include <string>

#include "base/unique_fd.h"
#include "cli/terminal.h"

namespace nines::cli {

/// Holds what is printed until it is more than the screen takes; then starts the pager and feeds
/// it. What fits is printed as it is. A pager that cannot be started is replaced by printing; one
/// that is left early is no error.
class Pager : public std::streambuf {
 public:
  /// @param out      where it goes without a pager: the terminal.
  /// @param command  for /bin/sh; not empty.
  Pager(std::ostream& out, const Terminal& terminal, std::string command);
  /// As finish().
  ~Pager() override;
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  /// Prints what is held, or waits until the reader leaves the pager.
  void finish();

  /// The pager's command by NINES_PAGER, PAGER, or less, if it is installed.
  /// @return empty: none is wanted, or there is none.
  static std::string command_by_environment();

 protected:
  int_type overflow(int_type byte) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;

 private:
  void take(std::string_view text);
  bool start();
  void feed(std::string_view text);

  std::ostream& out_;
  Terminal terminal_;
  std::string command_;
  std::string all_;        ///< kept until the end: a shell says late that there is no such program
  std::string last_line_;  ///< the part of it that is there yet
  std::size_t rows_ = 0;
  bool started_ = false;
  bool left_ = false;  ///< the reader has seen enough
  bool finished_ = false;
  UniqueFd pipe_;
  pid_t pid_ = -1;
};

}  // namespace nines::cli
