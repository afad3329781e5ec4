#include "cli/updates_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/version.h"
#include "cli/table.h"
#include "cli/text_width.h"

namespace nines::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMostNamed = 4;
constexpr std::size_t kMostIdle = 6;

std::string counted(std::size_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string named(const std::vector<RestartStep>& steps) {
  std::string text;
  for (std::size_t i = 0; i < steps.size() && i < kMostNamed; ++i) {
    text += (i == 0 ? "" : ", ") + printable(steps[i].who);
  }
  if (steps.size() > kMostNamed) text += fmt::format(" and {} more", steps.size() - kMostNamed);
  return text;
}

std::size_t in_use(const updates::PackageUses& uses) {
  return static_cast<std::size_t>(
      std::count_if(uses.packages.begin(), uses.packages.end(),
                    [](const updates::PackageUse& use) { return !use.users.empty(); }));
}

std::string index_line(const updates::PendingUpdates& pending, UtcTime now) {
  if (pending.indexes.empty()) {
    return "No index of a security archive is here, so nothing is known of updates: apt-get "
           "update\n";
  }
  const auto newest =
      std::max_element(pending.indexes.begin(), pending.indexes.end(),
                       [](const auto& a, const auto& b) { return a.fetched < b.fetched; });
  return fmt::format("by {}, fetched {} ago\n", printable(newest->archive),
                     to_human(Nanoseconds(std::max<std::int64_t>(0, now.ns - newest->fetched.ns))));
}

std::string headline(const UpdatesPicture& picture) {
  const std::size_t waiting = picture.pending.pending.size();
  if (waiting == 0) {
    return picture.pending.indexes.empty()
               ? ""
               : fmt::format("No security update waits for any of {} packages.\n",
                             picture.pending.installed);
  }
  const std::size_t used = in_use(picture.uses);
  return fmt::format(
      "{}; {} in use here.\n", counted(waiting, "security update waits", "security updates wait"),
      used == 0 ? "none of them is" : fmt::format("{} {}", used, used == 1 ? "is" : "are"));
}

std::string package_table(const UpdatesPicture& picture, bool all, const Terminal& terminal) {
  Table table({{"PACKAGE"}, {"INSTALLED", false, 2}, {"FIXED IN", false, 1}, {"IN USE BY"}});
  std::vector<std::string> idle;
  bool any = false;
  for (std::size_t i = 0; i < picture.pending.pending.size(); ++i) {
    const updates::PendingUpdate& update = picture.pending.pending[i];
    const updates::PackageUse& use = picture.uses.packages[i];
    std::string by = named(restart_steps(use.users, {}, nullptr));
    if (by.empty() && !all && use.listed) {
      idle.push_back(printable(update.package));
      continue;
    }
    if (by.empty()) by = use.listed ? "nothing that runs" : "not known: dpkg lists no files of it";
    any = true;
    table.add({{printable(update.package) + (update.held ? " (on hold)" : "")},
               {printable(update.installed), Tone::kFaint},
               {printable(update.candidate)},
               {by, use.users.empty() ? Tone::kFaint : Tone::kWarning}});
  }
  std::string text = any ? "\n" + table.render(terminal) : "";
  if (!idle.empty()) {
    const std::size_t more = idle.size() - std::min(idle.size(), kMostIdle);
    idle.resize(idle.size() - more);
    text += fmt::format("\nNothing that runs uses {}{}{}.\n", fmt::join(idle, ", "),
                        more > 0 ? fmt::format(" and {} more (--all)", more) : "",
                        any ? "" : ": no restart is needed");
  }
  return text;
}

std::string expectation(const RestartStep& step) {
  std::string text;
  if (step.expected) {
    text = fmt::format("down for about {}, by {}", to_human(*step.expected),
                       step.by_failures ? counted(step.samples, "failure", "failures")
                                        : counted(step.samples, "restart", "restarts"));
  } else if (step.is_ours) {
    text = "it was never restarted here";
  }
  if (step.held) text += fmt::format("{}clients wait at its held socket", text.empty() ? "" : "; ");
  return text;
}

std::string step_table(const std::vector<RestartStep>& steps, const Terminal& terminal) {
  Table table({{"WHO"}, {"HOW"}, {"WHAT TO EXPECT", false, 1}});
  for (const RestartStep& step : steps) {
    std::string how = printable(command_of(step));
    if (how.empty()) {
      std::vector<pid_t> some = step.processes;
      if (some.size() > kMostNamed) some.resize(kMostNamed);
      how = fmt::format("by hand: pid {}{}", fmt::join(some, ", "),
                        some.size() < step.processes.size() ? " ..." : "");
    }
    table.add({{printable(step.who)}, {how}, {expectation(step), Tone::kFaint}});
  }
  return table.render(terminal);
}

std::string not_seen(const UpdatesPicture& picture) {
  const std::size_t denied = std::max(picture.uses.denied, picture.stale.denied);
  const std::size_t skipped = std::max(picture.uses.skipped, picture.stale.skipped);
  std::string text;
  if (denied > 0) {
    text += fmt::format("{} could not be looked at{}\n", counted(denied, "process", "processes"),
                        ::geteuid() == 0 ? "" : ": sudo nines updates");
  }
  if (skipped > 0) {
    text += fmt::format("{} not looked at in time\n",
                        counted(skipped, "process was", "processes were"));
  }
  return text;
}

json step_json(const RestartStep& step) {
  json out = {{"who", step.who},
              {"nines", step.is_ours},
              {"unit", step.is_unit},
              {"processes", step.processes},
              {"command", command_of(step)},
              {"held_socket", step.held},
              {"samples", step.samples},
              {"expected_ns", nullptr}};
  if (step.expected) out["expected_ns"] = step.expected->count();
  if (step.expected) out["by"] = step.by_failures ? "failures" : "restarts";
  return out;
}

json users_json(const std::vector<updates::FileUser>& users) {
  json list = json::array();
  for (const updates::FileUser& user : users) {
    list.push_back(
        {{"pid", user.pid}, {"command", user.command}, {"unit", user.unit}, {"files", user.files}});
  }
  return list;
}

json steps_json(const std::vector<RestartStep>& steps) {
  json list = json::array();
  for (const RestartStep& step : steps) list.push_back(step_json(step));
  return list;
}

}  // namespace

std::string updates_page(const UpdatesPicture& picture, UtcTime now, bool all,
                         const Terminal& terminal) {
  std::string text = headline(picture) + index_line(picture.pending, now);
  text += package_table(picture, all, terminal);
  if (!picture.after.empty()) {
    text +=
        "\nTo be restarted once apt-get upgrade has run\n" + step_table(picture.after, terminal);
  }
  if (!picture.overdue.empty()) {
    text += fmt::format("\n{} what an update has replaced already\n",
                        counted(picture.stale.users.size(), "process runs", "processes run")) +
            step_table(picture.overdue, terminal);
  } else if (picture.stale.denied + picture.stale.skipped == 0) {
    text += fmt::format("\nNone of {} processes runs what an update has replaced.\n",
                        picture.stale.looked_at);
  }
  const std::string more = not_seen(picture);
  if (!more.empty()) text += "\n" + more;
  if (!picture.no_history.empty())
    text += "\nNo downtimes to expect: " + printable(picture.no_history) + "\n";
  return text;
}

std::string updates_json(const UpdatesPicture& picture) {
  json pending = json::array(), indexes = json::array();
  for (std::size_t i = 0; i < picture.pending.pending.size(); ++i) {
    const updates::PendingUpdate& update = picture.pending.pending[i];
    pending.push_back({{"package", update.package},
                       {"installed", update.installed},
                       {"candidate", update.candidate},
                       {"archive", update.archive},
                       {"held", update.held},
                       {"files_known", picture.uses.packages[i].listed},
                       {"used_by", users_json(picture.uses.packages[i].users)}});
  }
  for (const updates::SecurityIndex& index : picture.pending.indexes) {
    indexes.push_back({{"archive", index.archive},
                       {"published", to_iso8601(index.published)},
                       {"fetched", to_iso8601(index.fetched)},
                       {"packages", index.packages}});
  }
  return json{{"api", api::kVersion},
              {"installed", picture.pending.installed},
              {"indexes", std::move(indexes)},
              {"pending", std::move(pending)},
              {"after_upgrade", steps_json(picture.after)},
              {"stale", users_json(picture.stale.users)},
              {"overdue", steps_json(picture.overdue)},
              {"looked_at", picture.uses.looked_at},
              {"denied", picture.uses.denied},
              {"skipped", picture.uses.skipped},
              {"no_history", picture.no_history}}
             .dump(-1, ' ', false, json::error_handler_t::replace) +
         "\n";
}

}  // namespace nines::cli
