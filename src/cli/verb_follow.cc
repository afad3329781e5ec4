#include <poll.h>

#include <chrono>
#include <optional>
#include <utility>

#include "api/codec.h"
#include "api/runtime_dir.h"
#include "cli/event_view.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"

namespace nines::cli {
namespace {

using Print = std::function<Status(const api::StreamEvent& event)>;

constexpr auto kReconnectStep = std::chrono::milliseconds(200);
constexpr auto kReconnectFor = std::chrono::seconds(30);
constexpr auto kSayItIsAway = std::chrono::seconds(2);

Error closed_by_daemon() {
  return Error(ErrorCode::kGone, "daemon")
      .with_detail("closed the stream: it ended or was upgraded")
      .with_hint("units go on running; ask again");
}

/// One connection's stream. Every line is out before the next is waited for.
Result<api::StreamEnd> follow_once(const Context& context, api::Client& client,
                                   const api::Request& request, const Print& print,
                                   int interrupt_fd) {
  std::optional<Error> unreadable;
  const auto end = client.follow(
      request,
      [&](const api::StreamEvent& event) {
        if (Status printed = print(event); !printed) unreadable = printed.error();
        context.out.flush();
        // A reader that went away (a closed pipe) ends the following.
        return !unreadable && context.out.good();
      },
      interrupt_fd);
  if (unreadable) return *std::move(unreadable);
  return end;
}

/// Logs: until Ctrl-C or until the daemon goes; their lines have no ids to go on from.
ExitCode follow_logs(const Context& context, api::Client& client, const api::GetLogs& request,
                     const Print& print) {
  auto interrupt = Interrupt::install();
  if (!interrupt) return report(context, interrupt.error());
  const auto end = follow_once(context, client, request, print, interrupt->fd());
  if (!end) {
    // The connection was the stream's.
    auto fresh = api::Client::connect(api::api_socket_path(context.runtime_dir));
    return report(context,
                  fresh ? with_nearest_unit(*fresh, end.error(), request.name) : end.error());
  }
  if (*end == api::StreamEnd::kInterrupted) interrupt->leave_blocked();
  return *end == api::StreamEnd::kServerClosed ? report(context, closed_by_daemon())
                                               : ExitCode::kOk;
}

/// Waits for the daemon's successor.
/// @return nothing when it was interrupted. @errors kGone: none came.
Result<std::optional<api::Client>> connect_again(const Context& context, int interrupt_fd) {
  const auto start = std::chrono::steady_clock::now();
  bool said = false;
  for (;;) {
    if (auto client = api::Client::connect(api::api_socket_path(context.runtime_dir))) {
      return std::optional<api::Client>(std::move(*client));
    }
    const auto waited = std::chrono::steady_clock::now() - start;
    if (waited > kReconnectFor) return closed_by_daemon();
    if (!said && waited > kSayItIsAway) {
      said = true;
      context.err << "nines: the daemon is away; waiting for its successor\n" << std::flush;
    }
    pollfd interrupted{interrupt_fd, POLLIN, 0};
    const auto step = std::chrono::duration_cast<std::chrono::milliseconds>(kReconnectStep);
    if (::poll(&interrupted, 1, static_cast<int>(step.count())) > 0) return std::nullopt;
  }
}

/// Events: until Ctrl-C. When the daemon is replaced, its successor tells what came since.
ExitCode follow_events(const Context& context, api::Client client, api::GetEvents get,
                       const Print& print) {
  auto interrupt = Interrupt::install();
  if (!interrupt) return report(context, interrupt.error());
  const Print remember = [&](const api::StreamEvent& event) {
    get.filter.after = event.id;
    return print(event);
  };
  for (;;) {
    const api::GetEvents request = get;
    const auto end = follow_once(context, client, request, remember, interrupt->fd());
    const bool lost =
        !end && end.error().code() == ErrorCode::kNotFound && !request.filter.after.empty();
    if (lost) {
      context.err << "nines: " << end.error().message()
                  << "; events in between may be missing here\n"
                  << std::flush;
      get.filter.after.clear();
      get.filter.limit = 0;
    } else if (!end && end.error().code() != ErrorCode::kGone) {
      return report(context, end.error());
    }
    if (end && *end == api::StreamEnd::kInterrupted) interrupt->leave_blocked();
    if (end && *end != api::StreamEnd::kServerClosed) return ExitCode::kOk;
    // Nothing seen yet: what was before is not wanted a second time.
    if (get.filter.after.empty()) get.filter.limit = 0;
    auto next = connect_again(context, interrupt->fd());
    if (!next) return report(context, next.error());
    if (!*next) {
      interrupt->leave_blocked();
      return ExitCode::kOk;
    }
    client = std::move(**next);
  }
}

template <typename T>
ExitCode print_all(const Context& context, const Result<std::vector<T>>& values,
                   const std::function<void(const T&)>& print) {
  if (!values) return report(context, values.error());
  for (const T& value : *values) print(value);
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_logs(const Context& context, const LogsOptions& options) {
  auto client = reach_daemon(context);
  if (!client) return client.error();
  const std::function<void(const api::LogLine&)> print = [&](const api::LogLine& line) {
    context.out << (context.json ? api::encode(line)
                                 : log_line(line, options.plain, context.terminal))
                << '\n';
  };
  const api::GetLogs get{options.unit, options.lines, options.follow};
  if (options.follow) {
    return follow_logs(context, *client, get, [&](const api::StreamEvent& event) -> Status {
      NINES_ASSIGN(const api::LogLine line, api::decode_log_line(event.data));
      print(line);
      return {};
    });
  }
  const auto body = client->call(get);
  if (!body) return report(context, with_nearest_unit(*client, body.error(), options.unit));
  return print_all(context, api::decode_log_lines(*body), print);
}

ExitCode run_events(const Context& context, const EventsOptions& options) {
  api::GetEvents get;
  get.follow = options.follow;
  get.filter.unit = options.unit;
  get.filter.limit = options.limit;
  get.filter.after = options.after;
  if (!options.since.empty()) {
    const auto since = parse_since(options.since, utc_now());
    if (!since) {
      (void)report(context, since.error());
      return ExitCode::kUsage;
    }
    get.filter.since = *since;
  }
  auto client = reach_daemon(context);
  if (!client) return client.error();
  const std::function<void(const ledger::Event&)> print = [&](const ledger::Event& event) {
    context.out << (context.json ? api::encode(event) : event_line(event, context.terminal))
                << '\n';
  };
  if (options.follow) {
    return follow_events(context, std::move(*client), get,
                         [&](const api::StreamEvent& event) -> Status {
                           NINES_ASSIGN(const ledger::Event decoded, api::decode_event(event.data));
                           print(decoded);
                           return {};
                         });
  }
  const auto body = client->call(get);
  if (!body) return report(context, body.error());
  return print_all(context, api::decode_events(*body), print);
}

}  // namespace nines::cli
