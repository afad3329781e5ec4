#include <algorithm>
#include <set>

#include "api/codec.h"
#include "api/runtime_dir.h"
#include "cli/act.h"
#include "cli/event_view.h"
#include "cli/interrupt.h"
#include "cli/keep_foreground.h"
#include "cli/verbs.h"

namespace nines::cli {
namespace {

/// Resolved to the names that events carry; and which of them the host starts again already.
struct KeptUnits {
  std::set<std::string> full_names;
  std::vector<std::string> kept_before;
  std::vector<std::string> new_ones;
};

KeptUnits look_up(api::Client& client, const std::vector<std::string>& names) {
  KeptUnits units;
  for (const std::string& name : names) {
    const auto body = client.call(api::GetUnit{name});
    const auto unit = body ? api::decode_unit(*body) : Result<api::UnitStatus>(body.error());
    const bool kept = unit && unit->kept;
    (kept ? units.kept_before : units.new_ones).push_back(name);
    if (unit) units.full_names.insert(unit->name);
  }
  return units;
}

ExitCode keep_detached(const Context& context, api::Client& client,
                       const std::vector<std::string>& names) {
  const auto results = act(client, api::Verb::kKeep, names, {});
  if (!results) return report(context, results.error());
  return print_results(context, api::Verb::kKeep, *results);
}

/// Ctrl-C: what this command began, it ends. Units that were kept before stay remembered.
ExitCode stop_again(const Context& context, const std::vector<std::string>& names,
                    const KeptUnits& before) {
  auto client = reach_daemon(context);
  if (!client) return client.error();
  if (!before.new_ones.empty()) {
    const auto forgotten = act(*client, api::Verb::kUnkeep, before.new_ones, {});
    if (!forgotten) return report(context, forgotten.error());
  }
  const auto results = act(*client, api::Verb::kStop, names, {});
  if (!results) return report(context, results.error());
  const ExitCode code = print_results(context, api::Verb::kStop, *results);
  for (const std::string& name : before.kept_before) {
    context.err << "nines: " << name << " will be started again with the host; to change that: "
                << "nines unkeep " << name << '\n';
  }
  return code;
}

/// Prints the units' events until Ctrl-C. @return whether it was Ctrl-C; or the exit code.
tl::expected<bool, ExitCode> follow_events(const Context& context, UtcTime since,
                                           const std::set<std::string>& full_names, int interrupt) {
  auto client = reach_daemon(context);
  if (!client) return tl::unexpected(client.error());
  api::GetEvents get;
  get.follow = true;
  get.filter.since = since;
  get.filter.limit = api::kMaxEvents;
  const auto end = client->follow(
      get,
      [&](const api::StreamEvent& item) {
        const auto event = api::decode_event(item.data);
        if (!event || !full_names.contains(event->subject)) return true;
        context.out << (context.json ? item.data : event_line(*event, context.terminal)) << '\n';
        context.out.flush();
        return context.out.good();
      },
      interrupt);
  if (!end) return tl::unexpected(report(context, end.error()));
  return *end == api::StreamEnd::kInterrupted;
}

ExitCode keep_and_follow(const Context& context, api::Client& client,
                         const std::vector<std::string>& names) {
  auto interrupt = Interrupt::install();
  if (!interrupt) return report(context, interrupt.error());
  KeptUnits before = look_up(client, names);
  // The stream begins at this moment, so that nothing between the two requests is missed.
  const UtcTime begin = utc_now();
  // Queued, not awaited: the events tell how it goes, while it goes.
  const auto results = act(client, api::Verb::kKeep, names, api::ActOptions{/*no_block=*/true});
  if (!results) return report(context, results.error());
  const bool any_ok =
      std::any_of(results->begin(), results->end(), [](const auto& result) { return result.ok(); });
  const ExitCode code = print_results(context, api::Verb::kKeep, *results);
  if (!any_ok) return code;
  context.out.flush();
  before.full_names.merge(look_up(client, names).full_names);
  const auto interrupted = follow_events(context, begin, before.full_names, interrupt->fd());
  if (!interrupted) return interrupted.error();
  if (!*interrupted) {
    return report(context, Error(ErrorCode::kGone, "daemon")
                               .with_detail("closed the stream: it ended or was upgraded")
                               .with_hint("the units stay kept; to look: nines status"));
  }
  interrupt->consume();
  {
    const Interrupt over = std::move(*interrupt);
  }
  return stop_again(context, names, before);
}

}  // namespace

ExitCode run_keep(const Context& context, const KeepOptions& options) {
  if (options.units.empty() == options.command.empty()) {
    context.err << "nines: keep wants units, or -- and a command\n  hint: nines help keep\n";
    return ExitCode::kUsage;
  }
  if (!options.command.empty()) return report(context, exec_foreground({}, options.command));
  auto connected = api::Client::connect(api::api_socket_path(context.runtime_dir));
  if (!connected) {
    const Error error = explain_unreachable(context, connected.error());
    const bool none_there = error.code() == ErrorCode::kGone;
    // Where a daemon is but not for us, a second supervisor is not what was asked for.
    if (!none_there || options.detach) return report(context, error);
    return report(context, exec_foreground(options.units, {}));
  }
  const auto names = resolve_units(context, *connected, options.units);
  if (!names) return report(context, names.error());
  return options.detach ? keep_detached(context, *connected, *names)
                        : keep_and_follow(context, *connected, *names);
}

}  // namespace nines::cli
