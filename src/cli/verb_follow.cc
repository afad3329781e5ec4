#include "api/codec.h"
#include "cli/event_view.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"

namespace nines::cli {
namespace {

/// Follows until Ctrl-C or until the daemon goes; every line is out before the next is waited for.
ExitCode follow(const Context& context, api::Client& client, const api::Request& request,
                const std::function<Status(const std::string& data)>& print) {
  auto interrupt = Interrupt::install();
  if (!interrupt) return report(context, interrupt.error());
  std::optional<Error> unreadable;
  const auto end = client.follow(
      request,
      [&](const api::StreamEvent& event) {
        if (Status printed = print(event.data); !printed) unreadable = printed.error();
        context.out.flush();
        // A reader that went away (a closed pipe) ends the following.
        return !unreadable && context.out.good();
      },
      interrupt->fd());
  if (!end) return report(context, end.error());
  if (unreadable) return report(context, *unreadable);
  if (*end == api::StreamEnd::kInterrupted) interrupt->leave_blocked();
  if (*end != api::StreamEnd::kServerClosed) return ExitCode::kOk;
  return report(context, Error(ErrorCode::kGone, "daemon")
                             .with_detail("closed the stream: it ended or was upgraded")
                             .with_hint("units go on running; ask again"));
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
    return follow(context, *client, get, [&](const std::string& data) -> Status {
      NINES_ASSIGN(const api::LogLine line, api::decode_log_line(data));
      print(line);
      return {};
    });
  }
  const auto body = client->call(get);
  if (!body) return report(context, body.error());
  return print_all(context, api::decode_log_lines(*body), print);
}

ExitCode run_events(const Context& context, const EventsOptions& options) {
  api::GetEvents get;
  get.follow = options.follow;
  get.filter.unit = options.unit;
  get.filter.limit = options.limit;
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
    return follow(context, *client, get, [&](const std::string& data) -> Status {
      NINES_ASSIGN(const ledger::Event event, api::decode_event(data));
      print(event);
      return {};
    });
  }
  const auto body = client->call(get);
  if (!body) return report(context, body.error());
  return print_all(context, api::decode_events(*body), print);
}

}  // namespace nines::cli
