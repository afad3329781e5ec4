// A stream onto a descriptor that remembers why writing failed, which the standard ones do not.
#pragma once

#include <streambuf>
#include <vector>

namespace nines::cli {

class OutputBuffer : public std::streambuf {
 public:
  /// @param fd  not owned.
  explicit OutputBuffer(int fd);
  /// Writes what is left; an error is lost then.
  ~OutputBuffer() override;
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;

  /// errno of the first write that failed; 0: none. Nothing is written after that.
  int failure() const { return failure_; }

 protected:
  int_type overflow(int_type byte) override;
  int sync() override;

 private:
  bool write_out();

  int fd_;
  int failure_ = 0;
  std::vector<char> buffer_;
};

}  // namespace nines::cli
