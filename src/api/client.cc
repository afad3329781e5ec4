#include "api/client.h"

#include <fmt/format.h>

#include <sys/un.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstring>

#include "api/client_stream.h"
#include "api/codec.h"
#include "api/limits.h"
#include "api/sse_parser.h"

namespace nines::api {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

Error broken(error_code error) {
  return Error(ErrorCode::kGone, "daemon")
      .with_detail("the connection broke before the answer: " + error.message())
      .with_hint("its log says why; nines daemon status tells whether it is back");
}

/// An answer that is no success, as the Error that the daemon meant.
Error refusal(unsigned status, std::string_view body) {
  if (const auto error = decode_error(body)) return error->to_error();
  return Error(ErrorCode::kCorrupt, "daemon")
      .with_detail(
          fmt::format("answered with HTTP status {} and no error that we can read", status));
}

}  // namespace

std::size_t ClientStream::read_bytes(void* data, std::size_t size, error_code& error) {
  error = {};
  for (;;) {
    pollfd fds[2] = {{fd_.get(), POLLIN, 0}, {interrupt_fd_, POLLIN, 0}};
    if (::poll(fds, interrupt_fd_ >= 0 ? 2 : 1, -1) < 0 && errno != EINTR) {
      error.assign(errno, boost::system::system_category());
      return 0;
    }
    if (fds[1].revents != 0) {
      error = boost::asio::error::operation_aborted;
      return 0;
    }
    const ssize_t got = ::recv(fd_.get(), data, size, MSG_DONTWAIT);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) {
      error = boost::asio::error::eof;
      return 0;
    }
    if (errno == EAGAIN || errno == EINTR) continue;
    error.assign(errno, boost::system::system_category());
    return 0;
  }
}

std::size_t ClientStream::write_bytes(const void* data, std::size_t size, error_code& error) {
  error = {};
  ssize_t sent = 0;
  do {
    sent = ::send(fd_.get(), data, size, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  error.assign(errno, boost::system::system_category());
  return 0;
}

struct Client::State {
  explicit State(UniqueFd fd) : stream(std::move(fd)) {}

  error_code send(const EncodedRequest& request);

  ClientStream stream;
  boost::beast::flat_buffer buffer;
};

error_code Client::State::send(const EncodedRequest& request) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.target);
  message.set(http::field::host, "nines");
  if (!request.body.empty()) message.set(http::field::content_type, "application/json");
  message.body() = request.body;
  message.prepare_payload();
  error_code error;
  http::write(stream, message, error);
  return error;
}

Result<Client> Client::connect(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return Error(ErrorCode::kInvalidArgument, "connect", socket_path)
        .with_detail("longer than a unix socket's path can be");
  }
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::from_errno(errno, "connect", socket_path);
  }
  return Client(std::make_unique<State>(std::move(fd)));
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<RawReply> Client::call_raw(const EncodedRequest& request) {
  // A daemon that refuses answers before it has read everything: its answer counts, not EPIPE.
  const error_code sent = state_->send(request);
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxReplyBody);
  error_code error;
  http::read(state_->stream, state_->buffer, parser, error);
  if (error) return broken(sent ? sent : error);
  auto& message = parser.get();
  return RawReply{message.result_int(), std::move(message.body())};
}

Result<std::string> Client::call(const Request& request) {
  NINES_ASSIGN(RawReply reply, call_raw(encode_request(request)));
  if (reply.status < 200 || reply.status > 299) return refusal(reply.status, reply.body);
  return std::move(reply.body);
}

Result<StreamEnd> Client::follow(const Request& request,
                                 const std::function<bool(const StreamEvent&)>& on_event,
                                 int interrupt_fd) {
  const error_code sent = state_->send(encode_request(request));
  state_->stream.interrupt_by(interrupt_fd);
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxReplyBody);
  error_code error;
  http::read_header(state_->stream, state_->buffer, parser, error);
  if (error == boost::asio::error::operation_aborted) return StreamEnd::kInterrupted;
  if (error) return broken(sent ? sent : error);
  if (parser.get().result_int() != 200) {
    http::read(state_->stream, state_->buffer, parser, error);
    if (error) return broken(error);
    return refusal(parser.get().result_int(), parser.get().body());
  }

  SseParser events;
  std::optional<Error> dropped;
  const auto on_any = [&](const StreamEvent& event) {
    if (event.name != "error") return on_event(event);
    dropped = refusal(200, event.data);
    return false;
  };
  // After the header the body is bytes until the end: no length, no chunks.
  const auto rest = state_->buffer.cdata();
  std::string chunk(static_cast<const char*>(rest.data()), rest.size());
  for (;;) {
    NINES_ASSIGN(const bool go_on, events.feed(chunk, on_any));
    if (dropped) return *std::move(dropped);
    if (!go_on) return StreamEnd::kCallerStopped;
    chunk.resize(64 * 1024);
    const std::size_t got = state_->stream.read_some(boost::asio::buffer(chunk), error);
    if (error == boost::asio::error::operation_aborted) return StreamEnd::kInterrupted;
    if (error == boost::asio::error::eof || error == boost::asio::error::connection_reset) {
      return StreamEnd::kServerClosed;
    }
    if (error) return broken(error);
    chunk.resize(got);
  }
}

}  // namespace nines::api
