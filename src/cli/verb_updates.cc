// nines updates: which security updates wait, what of that runs here, and what its restart will
// cost.
#include <unistd.h>

#include <chrono>

#include "api/request.h"
#include "app/updates/replaced_files.h"
#include "cli/surroundings.h"
#include "cli/updates_view.h"
#include "cli/verbs.h"
#include "cli/why_source.h"
#include "matrix/host.h"
#include "matrix/running_commands.h"

namespace nines::cli {
namespace {

/// For a host with thousands of processes on a slow disk; a usual one takes a tenth of a second.
constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::seconds kDaemonPatience{2};
constexpr std::chrono::hours kHistory{365 * 24};

Result<UpdatesPicture> look(const Context& context) {
  matrix::RunningCommands commands(boot_now() + kPatience);
  matrix::Host host;
  host.commands = &commands;
  host.deadline = std::chrono::steady_clock::now() + kPatience;
  host.updates_helper = updates_helper();
  UpdatesPicture picture;
  NINES_ASSIGN(picture.pending, matrix::pending_updates(host));
  std::vector<std::string> packages;
  for (const updates::PendingUpdate& update : picture.pending.pending) {
    packages.push_back(update.package);
  }
  NINES_ASSIGN(picture.uses, updates::find_package_uses(host.root, packages, host.deadline));
  // Ourselves: over when this is read.
  for (updates::PackageUse& use : picture.uses.packages) {
    std::erase_if(use.users, [](const updates::FileUser& user) { return user.pid == ::getpid(); });
  }
  NINES_ASSIGN(picture.stale, updates::find_stale_processes(host.root, host.deadline));

  const Surroundings around = look_around(context.runtime_dir, kDaemonPatience);
  api::GetWhy get;
  get.since = UtcTime{utc_now().ns - Nanoseconds(kHistory).count()};
  const auto report = fetch_report(context, "", get);
  if (!report) picture.no_history = report.error().message();
  const ledger::WhyReport* history = report ? &*report : nullptr;
  picture.after = restart_steps(all_users(picture.uses), around.units, history);
  picture.overdue = restart_steps(picture.stale.users, around.units, history);
  return picture;
}

}  // namespace

ExitCode run_updates(const Context& context, const UpdatesOptions& options) {
  const auto picture = look(context);
  if (!picture) return report(context, picture.error());
  context.out << (context.json ? updates_json(*picture)
                               : updates_page(*picture, utc_now(), options.all, context.terminal));
  return ExitCode::kOk;
}

}  // namespace nines::cli
