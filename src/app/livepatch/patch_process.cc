#include "app/livepatch/patch_process.h"

#include <algorithm>

#include "sys/procfs.h"
#include "trace/live_view.h"

namespace nines::livepatch {
namespace {

constexpr std::size_t kLongestName = 56;  // with a target's number behind it below 64

std::string command_of(pid_t pid) {
  const auto stat = sys::Procfs().stat(pid);
  return stat ? stat->command : std::string();
}

}  // namespace

Result<std::vector<PatchPlace>> places_in(const Patch& patch, pid_t pid) {
  NINES_ASSIGN(const ProcessId process, sys::Procfs().identify(pid));
  NINES_ASSIGN(const auto view, trace::LiveView::open(process));
  std::vector<PatchPlace> places;
  for (const auto& one : view->modules()) {
    // Its build-id is read from its memory: whatever lies at its path by now.
    const trace::ModuleView* module = view->module_at(one->start);
    if (module == nullptr || module->build_id.empty()) continue;
    for (std::size_t i = 0; i < patch.targets.size(); ++i) {
      if (patch.targets[i].build_id != module->build_id) continue;
      places.push_back({process, command_of(pid), module->path, i});
      break;
    }
  }
  return places;
}

Result<PlaceSearch> find_places(const Patch& patch) {
  NINES_ASSIGN(const auto pids, sys::Procfs().all_processes());
  PlaceSearch search;
  for (const pid_t pid : pids) {
    auto places = places_in(patch, pid);
    if (!places) {
      if (places.error().code() == ErrorCode::kDenied) ++search.denied;
      continue;
    }
    ++search.looked_at;
    std::move(places->begin(), places->end(), std::back_inserter(search.places));
  }
  return search;
}

std::string name_in_process(const Patch& patch, std::size_t target) {
  std::string name = patch.name.substr(0, kLongestName);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c <= ' ' || c > '~' || c == '/'; }, '_');
  if (name.empty()) name = "patch";
  if (target > 0) name += "." + std::to_string(target);
  return name;
}

Result<Switched> apply_to(const Patch& patch, const PatchPlace& place,
                          const SwitchOptions& options) {
  PatchInput input;
  input.name = name_in_process(patch, place.target);
  for (const std::size_t index : patch.targets[place.target].objects) {
    input.objects.push_back(patch.objects[index]);
  }
  return apply_patch(place.process, place.module, input, options);
}

Result<std::vector<PatchedProcess>> find_patched() {
  const sys::Procfs procfs;
  NINES_ASSIGN(const auto pids, procfs.all_processes());
  std::vector<PatchedProcess> found;
  for (const pid_t pid : pids) {
    const auto process = procfs.identify(pid);
    if (!process) continue;
    auto patches = list_patches(*process);
    if (!patches || patches->empty()) continue;
    found.push_back({*process, command_of(pid), std::move(*patches)});
  }
  return found;
}

}  // namespace nines::livepatch
