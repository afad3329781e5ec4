#include "daemon/http_session.h"

#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>

#include "api/limits.h"
#include "daemon/http_stream.h"
#include "daemon/routes.h"

namespace nines::daemon {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

class HttpSession : public Connection, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(std::shared_ptr<const SessionContext> context,
              asio::local::stream_protocol::socket socket, ConnectionTable::Slot slot,
              Access access)
      : context_(std::move(context)),
        socket_(std::move(socket)),
        deadline_(socket_.get_executor()),
        slot_(std::move(slot)),
        access_(access) {}

  void wait_for_request();
  void close() override;

 private:
  void read_header();
  void read_body();
  void on_read(error_code error);
  void serve();
  void serve_stream(const api::Request& request);
  void send(Reply reply, bool keep_alive);
  void refuse_and_close(unsigned status, const Error& error);
  void watch_for_hangup();
  void set_deadline(std::chrono::milliseconds delay);
  Status check_access(const api::Request& request) const;
  Status resume(api::Request& request) const;

  std::shared_ptr<const SessionContext> context_;
  asio::local::stream_protocol::socket socket_;
  asio::steady_timer deadline_;
  std::optional<ConnectionTable::Slot> slot_;
  Access access_;
  boost::beast::flat_buffer buffer_{api::kMaxHeader + api::kMaxRequestBody};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  http::response<http::empty_body> continue_;
  std::function<void()> after_;
  bool timed_out_ = false;
  bool answering_ = false;  ///< the backend has the request, we have no reply yet
  bool closed_ = false;
};

void HttpSession::close() {
  if (closed_) return;
  closed_ = true;
  deadline_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

/// Closes, or while a request is being read cancels, which answers with 408.
void HttpSession::set_deadline(std::chrono::milliseconds delay) {
  deadline_.expires_after(delay);
  deadline_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->closed_) return;
    // Set anew while this call was already on its way.
    if (self->deadline_.expiry() > std::chrono::steady_clock::now()) return;
    if (!self->parser_) return self->close();
    self->timed_out_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void HttpSession::wait_for_request() {
  parser_.reset();
  if (buffer_.size() > 0) return read_header();  // sent along with the last one
  set_deadline(context_->idle_timeout);
  socket_.async_wait(socket_.wait_read, [self = shared_from_this()](error_code error) {
    if (self->closed_) return;
    if (error) return self->close();
    self->read_header();
  });
}

void HttpSession::read_header() {
  parser_.emplace();
  parser_->header_limit(api::kMaxHeader);
  parser_->body_limit(api::kMaxRequestBody);
  timed_out_ = false;
  set_deadline(context_->request_timeout);
  http::async_read_header(socket_, buffer_, *parser_,
                          [self = shared_from_this()](error_code error, std::size_t) {
                            if (self->closed_) return;
                            if (error) return self->on_read(error);
                            self->read_body();
                          });
}

void HttpSession::read_body() {
  const auto read = [self = shared_from_this()] {
    http::async_read(self->socket_, self->buffer_, *self->parser_,
                     [self](error_code error, std::size_t) {
                       if (!self->closed_) self->on_read(error);
                     });
  };
  const auto expect = parser_->get()[http::field::expect];
  if (!boost::beast::iequals(expect, "100-continue")) return read();
  // curl waits a second for this before it sends a body of more than a few bytes.
  continue_ = http::response<http::empty_body>(http::status::continue_, 11);
  http::async_write(socket_, continue_,
                    [self = shared_from_this(), read](error_code error, std::size_t) {
                      if (self->closed_) return;
                      if (error) return self->close();
                      read();
                    });
}

void HttpSession::on_read(error_code error) {
  if (!error) return serve();
  const auto bad = [](ErrorCode code, std::string detail) {
    return Error(code, "read request").with_detail(std::move(detail));
  };
  if (timed_out_) {
    return refuse_and_close(408, bad(ErrorCode::kTimeout, "the request did not arrive in time"));
  }
  if (error == http::error::body_limit) {
    return refuse_and_close(413, bad(ErrorCode::kLimit, "the request's body is too large"));
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refuse_and_close(431, bad(ErrorCode::kLimit, "the request's header is too large"));
  }
  // An end of file, also in the middle of a request, and a reset: nobody is there to answer.
  const bool gone = error == http::error::end_of_stream || error == http::error::partial_message ||
                    error.category() == boost::system::system_category();
  if (gone) return close();
  refuse_and_close(400, bad(ErrorCode::kInvalidArgument, "not HTTP/1.1: " + error.message()));
}

Status HttpSession::check_access(const api::Request& request) const {
  if (access_ == Access::kAct || !api::alters(request)) return {};
  return Error(ErrorCode::kDenied, "api")
      .with_detail("members of the group may look, only root and the daemon's owner may act")
      .with_hint("run it with sudo");
}

/// What an EventSource sends when it connects again counts as after=, unless that is there.
Status HttpSession::resume(api::Request& request) const {
  auto* const events = std::get_if<api::GetEvents>(&request);
  const auto field = parser_->get().find("Last-Event-ID");
  if (events == nullptr || !events->follow || field == parser_->get().end()) return {};
  const std::string id(field->value().data(), field->value().size());
  if (id.empty() || !events->filter.after.empty()) return {};
  NINES_TRY(api::check_event_id(id));
  events->filter.after = id;
  return {};
}

void HttpSession::serve() {
  deadline_.cancel();
  const auto& message = parser_->get();
  // The answer to HEAD or CONNECT would need another form: nothing may follow ours.
  const bool ordinary = message.method() == http::verb::get || message.method() == http::verb::post;
  const bool keep_alive = ordinary && message.keep_alive();
  if (access_ == Access::kNone) {
    return send(error_reply(Error(ErrorCode::kDenied, "api")
                                .with_detail("only root, the daemon's owner and members of the "
                                             "group 'nines' may use this daemon")
                                .with_hint("run it with sudo, or: adduser USER nines")),
                keep_alive);
  }
  const auto view = [](auto text) { return std::string_view(text.data(), text.size()); };
  auto request =
      api::decode_request(view(message.method_string()), view(message.target()), message.body());
  if (!request) {
    Reply reply = error_reply(request.error());
    // From the decoder this is a known route with another method.
    if (request.error().code() == ErrorCode::kUnsupported) {
      reply.allow = api::allowed_methods(view(message.target()));
      // Or, on a route with this method, a body for another version of the API: 501.
      if (reply.allow.find(view(message.method_string())) == std::string::npos) reply.status = 405;
    }
    return send(std::move(reply), keep_alive);
  }
  if (const Status resumed = resume(*request); !resumed) {
    return send(error_reply(resumed.error()), keep_alive);
  }
  if (const Status allowed = check_access(*request); !allowed) {
    return send(error_reply(allowed.error()), keep_alive);
  }
  if (wants_stream(*request)) return serve_stream(*request);
  answering_ = true;
  answer(context_->backend, *request, [weak = weak_from_this(), keep_alive](Reply reply) {
    const auto self = weak.lock();
    if (!self || self->closed_) {
      // Nobody listens any more, but what was promised to follow the reply still does.
      if (reply.after) reply.after();
      return;
    }
    self->answering_ = false;
    self->send(std::move(reply), keep_alive);
  });
  if (answering_) watch_for_hangup();
}

/// While the backend works (a start may take minutes), a client that left must free its place.
void HttpSession::watch_for_hangup() {
  socket_.async_wait(socket_.wait_read, [self = shared_from_this()](error_code error) {
    if (error || self->closed_ || !self->answering_) return;
    char byte = 0;
    const ssize_t got = ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    // Bytes are the next request, sent early: a client that does this is there, and is not
    // watched any longer, as the socket would stay readable.
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) self->close();
  });
}

void HttpSession::serve_stream(const api::Request& request) {
  auto stream = std::make_shared<HttpStream>(socket_.get_executor(), context_->stream_queue_bytes,
                                             context_->drain_timeout);
  auto source = open_stream(context_->backend, request,
                            [weak = std::weak_ptr(stream)](const StreamItem& item) {
                              if (const auto alive = weak.lock()) alive->push(item);
                            });
  if (!source) return send(error_reply(source.error()), parser_->get().keep_alive());
  // The connection is the stream's from here on.
  closed_ = true;
  context_->table->add(stream);
  stream->start(std::move(socket_), std::move(*slot_), std::move(*source));
}

void HttpSession::refuse_and_close(unsigned status, const Error& error) {
  Reply reply = error_reply(error);
  reply.status = status;
  send(std::move(reply), /*keep_alive=*/false);
}

void HttpSession::send(Reply reply, bool keep_alive) {
  response_ = {};
  response_.version(11);
  response_.result(reply.status);
  response_.set(http::field::server, "nines");
  response_.set(http::field::content_type, "application/json");
  response_.set(http::field::cache_control, "no-store");
  if (reply.status == 405) response_.set(http::field::allow, reply.allow);
  response_.body() = std::move(reply.json) + "\n";
  response_.keep_alive(keep_alive);
  response_.prepare_payload();
  after_ = std::move(reply.after);
  parser_.reset();
  set_deadline(context_->drain_timeout);
  http::async_write(socket_, response_,
                    [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
                      if (auto after = std::exchange(self->after_, {})) after();
                      if (self->closed_) return;
                      if (error || !keep_alive) return self->close();
                      self->wait_for_request();
                    });
}

}  // namespace

void start_session(std::shared_ptr<const SessionContext> context,
                   asio::local::stream_protocol::socket socket, ConnectionTable::Slot slot,
                   Access access) {
  const auto session =
      std::make_shared<HttpSession>(context, std::move(socket), std::move(slot), access);
  context->table->add(session);
  session->wait_for_request();
}

}  // namespace nines::daemon
