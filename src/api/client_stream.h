// A blocking connection in the form that Beast reads from, which a second descriptor interrupts.
// @source Boost.Beast's SyncReadStream and SyncWriteStream requirements
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>

#include "base/unique_fd.h"

namespace nines::api {

class ClientStream {
 public:
  explicit ClientStream(UniqueFd fd) : fd_(std::move(fd)) {}

  /// From now on a read fails with operation_aborted as soon as `fd` is readable.
  void interrupt_by(int fd) { interrupt_fd_ = fd; }

  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers, boost::system::error_code& error) {
    const boost::asio::mutable_buffer buffer = *boost::asio::buffer_sequence_begin(buffers);
    return read_bytes(buffer.data(), buffer.size(), error);
  }
  template <typename Buffers>
  std::size_t write_some(const Buffers& buffers, boost::system::error_code& error) {
    // The first that is not empty: Beast's header and body come as a sequence.
    auto it = boost::asio::buffer_sequence_begin(buffers);
    const auto end = boost::asio::buffer_sequence_end(buffers);
    while (it != end && boost::asio::const_buffer(*it).size() == 0) ++it;
    if (it == end) return 0;
    const boost::asio::const_buffer buffer(*it);
    return write_bytes(buffer.data(), buffer.size(), error);
  }
  // Beast's requirements name the throwing forms too; nobody calls them.
  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers) {
    boost::system::error_code error;
    const std::size_t n = read_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return n;
  }
  template <typename Buffers>
  std::size_t write_some(const Buffers& buffers) {
    boost::system::error_code error;
    const std::size_t n = write_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return n;
  }

 private:
  std::size_t read_bytes(void* data, std::size_t size, boost::system::error_code& error);
  std::size_t write_bytes(const void* data, std::size_t size, boost::system::error_code& error);

  UniqueFd fd_;
  int interrupt_fd_ = -1;
};

}  // namespace nines::api
