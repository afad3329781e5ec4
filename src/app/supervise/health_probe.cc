#include "app/supervise/health_probe.h"

#include <fmt/format.h>

#include "app/supervise/http_status.h"
#include "app/supervise/stream_exchange.h"
#include "app/supervise/utf8.h"

namespace nines::supervise {
namespace {

using Verdict = std::optional<Status>;

StreamExchange::Judge expect_judge(std::string expect, std::string target) {
  if (expect.empty()) return {};
  return [expect = std::move(expect), target = std::move(target)](std::string_view received,
                                                                  bool ended) -> Verdict {
    if (received.find(expect) != std::string_view::npos) return Status();
    if (!ended) return std::nullopt;
    return Status(Error(ErrorCode::kCorrupt, "health check", target)
                      .with_detail(fmt::format("answered {} without {}", quote_bytes(received),
                                               quote_bytes(expect))));
  };
}

StreamExchange::Judge http_judge(const unit::HealthCheck& check, std::string url) {
  return [min = check.http_status_min, max = check.http_status_max, url = std::move(url)](
             std::string_view received, bool ended) -> Verdict {
    const auto fail = [&url](ErrorCode code, std::string why) {
      return Status(Error(code, "GET", url).with_detail(std::move(why)));
    };
    auto status = parse_http_status(received);
    if (!status) return fail(status.error().code(), status.error().detail());
    if (*status) {
      if (**status >= min && **status <= max) return Status();
      return fail(ErrorCode::kIo, fmt::format("HTTP {} instead of {}-{}", **status, min, max));
    }
    if (!ended) return std::nullopt;
    if (received.empty()) return fail(ErrorCode::kGone, "closed without an answer");
    return fail(ErrorCode::kCorrupt, "answer ends within its headers: " + quote_bytes(received));
  };
}

// What goes into the request line must not be able to end it.
Status check_http_path(const std::string& path) {
  const bool clean =
      std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 127; });
  if (clean && path.starts_with('/')) return {};
  return Error(ErrorCode::kInvalidArgument, "health check path", quote_bytes(path))
      .with_detail("must begin with '/' and hold neither blanks nor control characters");
}

std::string http_request(const std::string& host, const std::string& path) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: nines-health-check\r\nAccept: */*\r\n"
      "Connection: close\r\n\r\n",
      path, host);
}

}  // namespace

struct HealthProbe::State : std::enable_shared_from_this<HealthProbe::State> {
  State(sys::EventLoop& l, unit::HealthCheck c, RunCommand r)
      : loop(l), check(std::move(c)), run_command(std::move(r)) {}

  sys::EventLoop& loop;
  const unit::HealthCheck check;
  const RunCommand run_command;

  Done done;                     // set while a probe runs
  std::uint64_t generation = 0;  // tells late results of earlier probes from present ones
  bool command_running = false;
  std::unique_ptr<StreamExchange> exchange;
  sys::Subscription deadline;

  void begin(Done when_done) {
    done = std::move(when_done);
    ++generation;
    deadline = loop.after(check.timeout, [this] { time_out(); });
    if (check.kind == unit::HealthCheck::Kind::kCommand) {
      begin_command();
    } else if (auto begun = begin_exchange(); !begun) {
      finish_soon(std::move(begun));
    }
  }

  Status begin_exchange() {
    NINES_ASSIGN(HealthTarget target, resolve_health_target(check.host, check.port));
    std::string request = check.send;
    StreamExchange::Judge judge;
    if (check.kind == unit::HealthCheck::Kind::kHttp) {
      NINES_TRY(check_http_path(check.http_path));
      request = http_request(target.http_host, check.http_path);
      judge = http_judge(check, fmt::format("http://{}{}", target.text, check.http_path));
    } else {
      judge = expect_judge(check.expect, target.text);
    }
    exchange = std::make_unique<StreamExchange>(loop, std::move(target), std::move(request),
                                                std::move(judge), later());
    exchange->start();
    return {};
  }

  void begin_command() {
    if (command_running) {
      finish_soon(Error(ErrorCode::kBusy, "health check command")
                      .with_detail("the command of the previous check still runs"));
      return;
    }
    command_running = true;
    run_command([weak = weak_from_this(), finish = later()](Status status) {
      if (const auto self = weak.lock()) self->command_running = false;
      finish(std::move(status));
    });
  }

  // A callback that finishes this probe, if it is still this one: from the loop, so that neither
  // run() nor an object in the middle of its own work is re-entered.
  Done later() {
    return [weak = weak_from_this(), mine = generation](Status status) {
      const auto self = weak.lock();
      if (self && self->generation == mine && self->done) self->finish_soon(std::move(status));
    };
  }

  void finish_soon(Status status) {
    deadline.reset();
    loop.post([weak = weak_from_this(), mine = generation, result = std::move(status)]() mutable {
      const auto self = weak.lock();
      if (self && self->generation == mine && self->done) self->finish(std::move(result));
    });
  }

  void finish(Status status) {
    const Done call = std::move(done);
    clear();
    call(std::move(status));
  }

  void clear() {
    ++generation;
    done = nullptr;
    deadline.reset();
    exchange.reset();
  }

  void time_out() {
    const bool command = check.kind == unit::HealthCheck::Kind::kCommand;
    const std::string_view what = command || !exchange ? "no result" : exchange->waiting_for();
    std::string subject =
        command ? check.command.path : fmt::format("{}:{}", check.host, check.port);
    if (check.host.starts_with("unix:")) subject = check.host;
    finish(Error(ErrorCode::kTimeout, "health check", std::move(subject))
               .with_detail(fmt::format("{} within {}", what, to_human(check.timeout))));
  }
};

HealthProbe::HealthProbe(sys::EventLoop& loop, unit::HealthCheck check, RunCommand run_command)
    : state_(std::make_shared<State>(loop, std::move(check), std::move(run_command))) {}

HealthProbe::~HealthProbe() {
  state_->clear();
}

void HealthProbe::run(Done done) {
  if (running()) {
    state_->loop.post([done = std::move(done)] {
      done(Error(ErrorCode::kBusy, "health check").with_detail("the previous one still runs"));
    });
    return;
  }
  state_->begin(std::move(done));
}

void HealthProbe::cancel() {
  state_->clear();
}
bool HealthProbe::running() const {
  return static_cast<bool>(state_->done);
}

}  // namespace nines::supervise
