// nines patch apply, list, revert.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/version.h"
#include "app/livepatch/patch_process.h"
#include "cli/patch_verbs.h"
#include "cli/table.h"
#include "cli/text_width.h"
#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::cli {
namespace {

using livepatch::PatchedProcess;
using livepatch::PatchPlace;
using livepatch::PatchState;
using nlohmann::json;

constexpr Bytes kLongestPatch{std::uint64_t{1} << 30};
constexpr std::size_t kMostNamed = 3;

std::string json_line(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

const char* word(PatchState state) {
  switch (state) {
    case PatchState::kApplied: return "applied";
    case PatchState::kPartial: return "half applied";
    case PatchState::kUnused: return "unused";
    case PatchState::kCovered: return "covered";
  }
  return "unknown";
}

/// One process, and what became of it.
struct Done {
  pid_t pid = 0;
  std::string command, module;
  std::optional<livepatch::Switched> switched;
  std::optional<Error> error;
};

json done_json(const Done& done) {
  json out = {{"pid", done.pid}, {"command", done.command}, {"module", done.module}};
  if (done.switched) {
    out["functions"] = done.switched->functions;
    out["held_us"] = done.switched->held.count() / 1000;
    out["attempts"] = done.switched->attempts;
  }
  if (done.error) out["error"] = done.error->message();
  return out;
}

std::string done_line(const Done& done, std::string_view verb) {
  const std::string who = fmt::format("{} (pid {})", printable(done.command), done.pid);
  if (!done.switched) {
    return fmt::format("{}: {}\n", who, printable(done.error ? done.error->message() : verb));
  }
  return fmt::format("{}: {}, {} function{} in {}; all threads stood still for {}\n", who, verb,
                     done.switched->functions, done.switched->functions == 1 ? "" : "s",
                     printable(done.module), to_human(done.switched->held));
}

/// Prints all of them. @return failure if one failed.
ExitCode tell(const Context& context, const std::vector<Done>& all, std::string_view verb) {
  const Error* first = nullptr;
  json list = json::array();
  for (const Done& done : all) {
    if (done.error && first == nullptr) first = &*done.error;
    if (context.json) {
      list.push_back(done_json(done));
    } else {
      (done.error ? context.err : context.out) << done_line(done, verb);
    }
  }
  if (context.json) {
    context.out << json_line({{"api", api::kVersion}, {"processes", std::move(list)}});
  }
  if (first == nullptr) return ExitCode::kOk;
  const bool some = std::any_of(all.begin(), all.end(), [](const Done& d) { return !d.error; });
  return some ? ExitCode::kPartly : exit_code_for(first->code());
}

Result<livepatch::SwitchOptions> switch_options(double within_s) {
  if (!(within_s > 0) || within_s > 3600) {
    return Error(ErrorCode::kInvalidArgument, "--within", fmt::format("{}", within_s))
        .with_detail("seconds, more than 0 and at most 3600");
  }
  livepatch::SwitchOptions options;
  options.within = Nanoseconds(static_cast<std::int64_t>(within_s * 1e9));
  return options;
}

Result<std::vector<PatchPlace>> wanted_places(const livepatch::Patch& patch,
                                              const PatchApplyOptions& options) {
  std::vector<PatchPlace> places;
  if (options.all) {
    NINES_ASSIGN(livepatch::PlaceSearch search, livepatch::find_places(patch));
    places = std::move(search.places);
  }
  for (const pid_t pid : options.pids) {
    NINES_ASSIGN(auto found, livepatch::places_in(patch, pid));
    if (found.empty()) {
      return Error(ErrorCode::kNotFound, "patch process", std::to_string(pid))
          .with_detail("it runs nothing that the patch is for")
          .with_hint("nines patch inspect shows the build-ids that it is for");
    }
    places.insert(places.end(), found.begin(), found.end());
  }
  return places;
}

}  // namespace

ExitCode run_patch_apply(const Context& context, const PatchApplyOptions& options) {
  if (options.pids.empty() == !options.all) {
    return report(context, Error(ErrorCode::kInvalidArgument, "patch apply", options.file)
                               .with_detail("to which processes?")
                               .with_hint("--pid PID, or --all that run what it is for"));
  }
  const auto how = switch_options(options.within_s);
  if (!how) return report(context, how.error());
  const auto bytes = sys::read_file(options.file, kLongestPatch);
  if (!bytes) return report(context, bytes.error());
  const auto patch = livepatch::decode_patch(*bytes);
  if (!patch) return report(context, patch.error());
  if (!options.allow_unsigned && !options.dry_run) {
    return report(context,
                  Error(ErrorCode::kDenied, "apply", options.file)
                      .with_detail("it has no signature; whoever made it runs code with the "
                                   "rights of what is patched")
                      .with_hint("--unsigned if you made it yourself"));
  }
  const auto places = wanted_places(*patch, options);
  if (!places) return report(context, places.error());
  std::vector<Done> all;
  for (const PatchPlace& place : *places) {
    Done done{place.process.pid, place.command, place.module, std::nullopt, std::nullopt};
    if (!options.dry_run) {
      auto applied = livepatch::apply_to(*patch, place, *how);
      if (applied) {
        done.switched = *applied;
      } else {
        done.error = applied.error();
      }
    }
    all.push_back(std::move(done));
  }
  if (all.empty() && !context.json) context.out << "No process runs what this patch is for.\n";
  return tell(context, all, options.dry_run ? "would be patched" : "patched");
}

ExitCode run_patch_list(const Context& context) {
  const auto found = livepatch::find_patched();
  if (!found) return report(context, found.error());
  if (context.json) {
    json list = json::array();
    for (const PatchedProcess& process : *found) {
      for (const livepatch::PatchStatus& patch : process.patches) {
        json functions = json::array();
        for (const auto& function : patch.functions) functions.push_back(function.name);
        list.push_back({{"pid", process.process.pid},
                        {"command", process.command},
                        {"name", patch.name},
                        {"state", word(patch.state)},
                        {"functions", std::move(functions)}});
      }
    }
    context.out << json_line({{"api", api::kVersion}, {"patches", std::move(list)}});
    return ExitCode::kOk;
  }
  if (found->empty()) {
    context.out << "No process has a live patch.\n";
    return ExitCode::kOk;
  }
  Table table({{"PID", true}, {"COMMAND"}, {"PATCH"}, {"STATE"}, {"FUNCTIONS", false, 1}});
  for (const PatchedProcess& process : *found) {
    for (const livepatch::PatchStatus& patch : process.patches) {
      std::vector<std::string> names;
      for (const auto& function : patch.functions) names.push_back(function.name);
      const std::size_t more = names.size() - std::min(names.size(), kMostNamed);
      names.resize(names.size() - more);
      table.add(
          {{std::to_string(process.process.pid)},
           {printable(process.command)},
           {printable(patch.name)},
           {word(patch.state), patch.state == PatchState::kApplied ? Tone::kGood : Tone::kWarning},
           {printable(fmt::format("{}{}", fmt::join(names, ", "),
                                  more > 0 ? fmt::format(" and {} more", more) : ""))}});
    }
  }
  context.out << table.render(context.terminal);
  return ExitCode::kOk;
}

ExitCode run_patch_revert(const Context& context, const PatchRevertOptions& options) {
  if (options.pids.empty() == !options.all) {
    return report(context, Error(ErrorCode::kInvalidArgument, "patch revert", options.name)
                               .with_detail("in which processes?")
                               .with_hint("--pid PID, or --all that have it"));
  }
  const auto how = switch_options(options.within_s);
  if (!how) return report(context, how.error());
  const auto found = livepatch::find_patched();
  if (!found) return report(context, found.error());
  std::vector<Done> all;
  for (const PatchedProcess& process : *found) {
    const pid_t pid = process.process.pid;
    const bool wanted = options.all || std::find(options.pids.begin(), options.pids.end(), pid) !=
                                           options.pids.end();
    const bool has = std::any_of(process.patches.begin(), process.patches.end(),
                                 [&](const auto& one) { return one.name == options.name; });
    if (!wanted || !has) continue;
    Done done{pid, process.command, options.name, std::nullopt, std::nullopt};
    auto reverted = livepatch::revert_patch(process.process, options.name, *how);
    if (reverted) {
      done.switched = *reverted;
    } else {
      done.error = reverted.error();
    }
    all.push_back(std::move(done));
  }
  for (const pid_t pid : options.pids) {
    if (std::any_of(all.begin(), all.end(), [&](const Done& done) { return done.pid == pid; })) {
      continue;
    }
    Done done{pid, "", options.name, std::nullopt, std::nullopt};
    done.error = Error(ErrorCode::kNotFound, "revert", options.name)
                     .with_detail("the process has no such patch");
    all.push_back(std::move(done));
  }
  if (all.empty() && !context.json) context.out << "No process has a patch of that name.\n";
  return tell(context, all, "reverted");
}

}  // namespace nines::cli
