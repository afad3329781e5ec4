#include "daemon/http_stream.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "api/codec.h"

namespace nines::daemon {
namespace {

using boost::system::error_code;

// No length and no chunks: the stream ends when the connection does.
constexpr std::string_view kHeader =
    "HTTP/1.1 200 OK\r\n"
    "Server: nines\r\n"
    "Content-Type: text/event-stream\r\n"
    "Cache-Control: no-store\r\n"
    "Connection: close\r\n"
    "\r\n";

std::string format_item(const StreamItem& item) {
  std::string text;
  if (!item.id.empty()) text += fmt::format("id: {}\n", item.id);
  // JSON as we write it has no line breaks, so one data line holds it.
  return text + fmt::format("event: {}\ndata: {}\n\n", item.name, item.json);
}

}  // namespace

HttpStream::HttpStream(const boost::asio::any_io_executor& executor, std::size_t queue_bytes,
                       std::chrono::milliseconds drain_timeout)
    : socket_(executor), deadline_(executor), limit_(queue_bytes), drain_timeout_(drain_timeout) {}

void HttpStream::start(boost::asio::local::stream_protocol::socket socket,
                       ConnectionTable::Slot slot, StreamSource source) {
  socket_ = std::move(socket);
  slot_.emplace(std::move(slot));
  subscription_ = std::move(source.subscription);
  std::string opening(kHeader);
  for (const StreamItem& item : source.history) opening += format_item(item);
  // What arrived between the subscription and now comes after the history.
  queued_.insert(0, opening);
  limit_ += opening.size();
  started_ = true;
  watch_for_hangup();
  write_more();
}

void HttpStream::push(const StreamItem& item) {
  if (closed_ || last_) return;
  const std::string text = format_item(item);
  if (queued_.size() + sending_.size() + text.size() > limit_) return give_up();
  queued_ += text;
  if (started_) write_more();
}

void HttpStream::give_up() {
  const Error behind = Error(ErrorCode::kLimit, "follow")
                           .with_detail("this client reads too slowly; events were dropped")
                           .with_hint("ask again, with since= the time of the last event seen");
  queued_ = format_item({{}, "error", api::encode(api::ErrorBody::from(behind))});
  last_ = true;
  // Nothing more is encoded for it. Not here: this runs inside a callback of the subscription.
  boost::asio::post(socket_.get_executor(),
                    [self = shared_from_this()] { self->subscription_.reset(); });
  deadline_.expires_after(drain_timeout_);
  deadline_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->close();
  });
  if (started_) write_more();
}

void HttpStream::write_more() {
  if (closed_ || !sending_.empty()) return;
  if (queued_.empty()) {
    if (last_) close();
    return;
  }
  sending_.swap(queued_);
  boost::asio::async_write(socket_, boost::asio::buffer(sending_),
                           [self = shared_from_this()](error_code error, std::size_t) {
                             if (self->closed_) return;
                             if (error) return self->close();
                             self->sending_.clear();
                             self->write_more();
                           });
}

void HttpStream::watch_for_hangup() {
  // A client has nothing to say on a stream; what it says is read only to see the end of file.
  socket_.async_read_some(boost::asio::buffer(ignored_),
                          [self = shared_from_this()](error_code error, std::size_t) {
                            if (self->closed_) return;
                            if (error) return self->close();
                            self->watch_for_hangup();
                          });
}

void HttpStream::close() {
  if (closed_) return;
  closed_ = true;
  subscription_.reset();
  deadline_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace nines::daemon
