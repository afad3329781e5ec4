#include <fmt/format.h>

#include <thread>

#include "api/codec.h"
#include "api/runtime_dir.h"
#include "cli/table.h"
#include "cli/text_width.h"
#include "cli/verbs.h"

namespace nines::cli {
namespace {

constexpr std::chrono::seconds kReexecPatience{30};

Result<api::DaemonStatus> daemon_status(api::Client& client) {
  NINES_ASSIGN(const std::string body, client.call(api::GetStatus{}));
  return api::decode_daemon(body);
}

void print_card(const Context& context, const api::DaemonStatus& daemon) {
  const auto line = [&](std::string_view label, const std::string& value,
                        Tone tone = Tone::kPlain) {
    if (value.empty()) return;
    context.out << "  " << context.terminal.paint(fmt::format("{:<12}", label), Tone::kFaint) << ' '
                << context.terminal.paint(printable(value), tone) << '\n';
  };
  context.out << context.terminal.paint("ninesd " + printable(daemon.version), Tone::kStrong)
              << '\n';
  line("pid", daemon.keeper_pid ? fmt::format("{} (keeper {})", daemon.pid, *daemon.keeper_pid)
                                : fmt::format("{}", daemon.pid));
  line("up", fmt::format("{}, since {}", to_human(daemon.uptime), to_iso8601(daemon.started)));
  line("units", fmt::format("{}", daemon.units));
  line("ledger", daemon.ledger_detail, daemon.ledger_ok ? Tone::kGood : Tone::kBad);
  line("cgroups", daemon.cgroup_mode);
  line("runtime dir", daemon.runtime_dir);
  line("host", daemon.host);
  line("boot", daemon.boot_id);
}

void print_features(const Context& context, const api::DaemonStatus& daemon) {
  if (daemon.features.empty()) return;
  Table table({{"FEATURE"}, {"HERE"}, {"DETAIL"}});
  for (const api::FeatureStatus& feature : daemon.features) {
    table.add({{printable(feature.name)},
               {feature.available ? "yes" : "no", feature.available ? Tone::kGood : Tone::kWarning},
               {printable(feature.detail)}});
  }
  context.out << '\n' << table.render(context.terminal);
}

/// Connects again and again until another instance answers. A refused or broken connection is what
/// an upgrade may look like from outside.
Result<api::DaemonStatus> await_other_instance(const Context& context, const std::string& before) {
  const auto deadline = std::chrono::steady_clock::now() + kReexecPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (auto client = api::Client::connect(api::api_socket_path(context.runtime_dir))) {
      auto daemon = daemon_status(*client);
      if (daemon && daemon->instance != before) return daemon;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return Error(ErrorCode::kTimeout, "re-exec")
      .with_detail(fmt::format("no new daemon after {}", to_human(kReexecPatience)))
      .with_hint("nines daemon status shows which one answers; its log says why");
}

}  // namespace

ExitCode run_daemon_status(const Context& context) {
  auto client = reach_daemon(context);
  if (!client) return client.error();
  const auto daemon = daemon_status(*client);
  if (!daemon) return report(context, daemon.error());
  if (context.json) {
    context.out << api::encode(*daemon) << '\n';
    return ExitCode::kOk;
  }
  print_card(context, *daemon);
  print_features(context, *daemon);
  return ExitCode::kOk;
}

ExitCode run_daemon_reexec(const Context& context) {
  auto client = reach_daemon(context);
  if (!client) return client.error();
  const auto before = daemon_status(*client);
  if (!before) return report(context, before.error());
  const auto begin = std::chrono::steady_clock::now();
  if (const auto accepted = client->call(api::ReexecDaemon{}); !accepted) {
    return report(context, accepted.error());
  }
  const auto after = await_other_instance(context, before->instance);
  if (!after) return report(context, after.error());
  if (context.json) {
    context.out << api::encode(*after) << '\n';
    return ExitCode::kOk;
  }
  context.out << fmt::format("ninesd {} answers after {} (before: {})\n", printable(after->version),
                             to_human(std::chrono::steady_clock::now() - begin),
                             printable(before->version));
  return ExitCode::kOk;
}

}  // namespace nines::cli
