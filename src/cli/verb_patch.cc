// nines patch build, inspect.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "api/version.h"
#include "app/livepatch/patch_build.h"
#include "app/livepatch/patch_file.h"
#include "cli/patch_verbs.h"
#include "cli/text_width.h"
#include "sys/file.h"
#include "sys/own_program.h"

namespace nines::cli {
namespace {

using livepatch::BuiltObject;
using nlohmann::json;

constexpr Bytes kLongestPatch{std::uint64_t{1} << 30};

std::string base_name(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.rfind('.'));
}

std::string object_lines(const BuiltObject& object) {
  std::string text = printable(object.source) + "\n";
  if (!object.functions.empty()) {
    text += "  replaces  " + printable(fmt::format("{}", fmt::join(object.functions, ", "))) + "\n";
  }
  if (!object.added.empty()) {
    text += "  adds      " + printable(fmt::format("{}", fmt::join(object.added, ", "))) + "\n";
  }
  for (const std::string& why : object.refusals) text += "  refused   " + printable(why) + "\n";
  return text;
}

json object_json(const BuiltObject& object) {
  return {{"source", object.source},
          {"replaces", object.functions},
          {"adds", object.added},
          {"refused", object.refusals}};
}

json patch_json(const livepatch::Patch& patch, const std::string& id,
                const std::vector<BuiltObject>& objects) {
  json list = json::array(), targets = json::array();
  for (const BuiltObject& object : objects) list.push_back(object_json(object));
  for (const livepatch::PatchTarget& target : patch.targets) {
    targets.push_back({{"path", target.path}, {"build_id", target.build_id}});
  }
  return {{"api", api::kVersion},
          {"id", id},
          {"name", patch.name},
          {"cve", patch.cve},
          {"description", patch.description},
          {"objects", std::move(list)},
          {"targets", std::move(targets)}};
}

std::string patch_page(const livepatch::Patch& patch, const std::string& id,
                       const std::vector<BuiltObject>& objects) {
  std::string text = fmt::format("{}{}\npatch {}\n", printable(patch.name),
                                 patch.cve.empty() ? "" : ", " + printable(patch.cve), id);
  for (const BuiltObject& object : objects) text += object_lines(object);
  for (const livepatch::PatchTarget& target : patch.targets) {
    text += fmt::format("for {} (build-id {})\n", printable(target.path), target.build_id);
  }
  return text;
}

std::string json_line(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

/// Exists already: nothing is written over without being told so.
Status write_patch(const std::string& path, const std::string& bytes, bool force) {
  if (!force && sys::exists(path)) {
    return Error(ErrorCode::kExists, "write patch", path).with_hint("--force replaces it");
  }
  return sys::replace_file(path, bytes, 0644, sys::Durability::kPowerLoss);
}

}  // namespace

ExitCode run_patch_build(const Context& context, const PatchBuildOptions& options) {
  if (!options.force && sys::exists(options.output)) {
    return report(
        context,
        Error(ErrorCode::kExists, "write patch", options.output).with_hint("--force replaces it"));
  }
  const auto self = sys::own_program();
  if (!self) return report(context, self.error());
  livepatch::BuildRequest request;
  request.source = options.source;
  request.diff = options.diff;
  request.command = options.command;
  request.binaries = options.binaries;
  request.name = options.name.empty() ? base_name(options.diff) : options.name;
  request.cve = options.cve;
  request.compiler_helper = sys::beside(*self, "nines-cc");
  std::vector<BuiltObject> refused;
  const auto built = livepatch::build_patch(
      request,
      [&](const std::string& step) {
        if (!context.json) context.err << step << " ..." << std::endl;
      },
      &refused);
  if (!built) {
    if (!context.json) {
      for (const BuiltObject& object : refused) context.err << object_lines(object);
    }
    return report(context, built.error());
  }
  const std::string bytes = encode(built->patch);
  if (const Status written = write_patch(options.output, bytes, options.force); !written) {
    return report(context, written.error());
  }
  const std::string id = livepatch::patch_id(bytes);
  if (context.json) {
    json document = patch_json(built->patch, id, built->objects);
    document["file"] = options.output;
    document["not_matched"] = built->not_matched;
    context.out << json_line(document);
    return ExitCode::kOk;
  }
  context.out << patch_page(built->patch, id, built->objects);
  for (const std::string& why : built->not_matched) {
    context.out << "not for " << printable(why) << '\n';
  }
  context.out << "written to " << printable(options.output) << '\n';
  return ExitCode::kOk;
}

ExitCode run_patch_inspect(const Context& context, const PatchInspectOptions& options) {
  const auto bytes = sys::read_file(options.file, kLongestPatch);
  if (!bytes) return report(context, bytes.error());
  const auto patch = livepatch::decode_patch(*bytes);
  if (!patch) return report(context, patch.error());
  std::vector<BuiltObject> objects;
  for (const livepatch::ObjectInput& input : patch->objects) {
    auto object = livepatch::describe(input);
    if (!object) return report(context, object.error());
    objects.push_back(std::move(*object));
  }
  const std::string id = livepatch::patch_id(*bytes);
  context.out << (context.json ? json_line(patch_json(*patch, id, objects))
                               : patch_page(*patch, id, objects));
  return ExitCode::kOk;
}

}  // namespace nines::cli
