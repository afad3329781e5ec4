#include "daemon/http_server.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>

#include "api/codec.h"
#include "daemon/http_session.h"

namespace nines::daemon {
namespace {

using boost::system::error_code;
using Protocol = boost::asio::local::stream_protocol;

/// Says why, without waiting for a request or for the client to read.
void refuse(int socket) {
  const std::string body = api::encode(api::ErrorBody::from(
      Error(ErrorCode::kLimit, "connect")
          .with_detail("too many connections to the daemon")
          .with_hint("end some that follow (nines logs -f, nines events -f), then try again")));
  const std::string reply = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nServer: nines\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
      body.size(), body);
  (void)::send(socket, reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  State(boost::asio::io_context& io, Backend& backend, HttpServerOptions given)
      : options(std::move(given)),
        table(std::make_shared<ConnectionTable>(options.max_connections,
                                                options.max_reader_connections)),
        sessions(std::make_shared<const SessionContext>(
            SessionContext{backend, table, options.stream_queue_bytes, options.request_timeout,
                           options.idle_timeout, options.drain_timeout})),
        acceptor(io),
        retry(io) {}

  void accept();
  void accept_one();
  void take(UniqueFd fd);
  void stop();

  HttpServerOptions options;
  std::shared_ptr<ConnectionTable> table;
  std::shared_ptr<const SessionContext> sessions;
  Protocol::acceptor acceptor;
  boost::asio::steady_timer retry;
  bool keep_path = false;
  bool stopped = false;
};

/// Asio's own accept knows no SOCK_CLOEXEC, and the daemon starts programs that must not inherit a
/// connection: so Asio only waits, and accept4(2) accepts.
void HttpServer::State::accept() {
  acceptor.async_wait(acceptor.wait_read, [self = shared_from_this()](error_code) {
    if (!self->stopped) self->accept_one();
  });
}

void HttpServer::State::accept_one() {
  UniqueFd fd(::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd) {
    take(std::move(fd));
  } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
    // Out of descriptors, most likely: trying again at once would only burn the processor.
    retry.expires_after(std::chrono::milliseconds(100));
    retry.async_wait([self = shared_from_this()](error_code) {
      if (!self->stopped) self->accept();
    });
    return;
  }
  accept();
}

void HttpServer::State::take(UniqueFd fd) {
  const auto peer = peer_of(fd.get());
  if (!peer) return;
  const Access access = access_of(*peer, AccessPolicy{options.owner, options.readers});
  auto slot = table->admit(access);
  if (!slot) return refuse(fd.get());
  Protocol::socket socket(acceptor.get_executor());
  error_code error;
  socket.assign(Protocol(), fd.get(), error);
  if (error) return;
  (void)fd.release();
  start_session(sessions, std::move(socket), std::move(*slot), access);
}

void HttpServer::State::stop() {
  if (std::exchange(stopped, true)) return;
  error_code ignored;
  acceptor.close(ignored);
  retry.cancel();
  table->close_all();
  if (!keep_path) ::unlink(options.socket_path.c_str());
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(boost::asio::io_context& context,
                                                      Backend& backend, HttpServerOptions options) {
  UniqueFd listener = std::move(options.listener);
  if (!listener) {
    NINES_ASSIGN(listener, bind_api_socket(options.socket_path, options.readers));
  }
  const std::string path = options.socket_path;
  auto state = std::make_shared<State>(context, backend, std::move(options));
  error_code error;
  state->acceptor.assign(Protocol(), listener.get(), error);
  if (error) return Error::from_errno(error.value(), "listen", path);
  (void)listener.release();
  state->accept();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() {
  state_->stop();
}

Result<UniqueFd> HttpServer::release_listener() {
  UniqueFd copy(::fcntl(state_->acceptor.native_handle(), F_DUPFD_CLOEXEC, 3));
  if (!copy) return Error::from_errno(errno, "dup", state_->options.socket_path);
  state_->keep_path = true;
  return copy;
}

std::size_t HttpServer::connections() const {
  return state_->table->open();
}

}  // namespace nines::daemon
