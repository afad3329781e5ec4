#include "matrix/unit_facts.h"

#include <algorithm>
#include <set>

#include "app/unit/reader.h"
#include "sys/file.h"

namespace nines::matrix {
namespace {

/// A host with more has a problem that no matrix shows.
constexpr std::size_t kMostUnits = 500;

std::string restart_word(unit::RestartPolicy policy) {
  switch (policy) {
    case unit::RestartPolicy::kNo: return "no";
    case unit::RestartPolicy::kAlways: return "always";
    case unit::RestartPolicy::kOnSuccess: return "on-success";
    case unit::RestartPolicy::kOnFailure: return "on-failure";
    case unit::RestartPolicy::kOnAbnormal: return "on-abnormal";
    case unit::RestartPolicy::kOnAbort: return "on-abort";
    case unit::RestartPolicy::kOnWatchdog: return "on-watchdog";
  }
  return "";
}

std::vector<std::string> entries_of(const std::string& directory) {
  auto entries = sys::list_directory(directory);
  return entries ? std::move(*entries) : std::vector<std::string>{};
}

bool says_yes(std::string_view value) {
  return value == "yes" || value == "true" || value == "on" || value == "1";
}

UnitFacts facts_of(const std::string& name, std::string manager,
                   const std::vector<std::string>& search_path, bool unset_restarts) {
  UnitFacts facts;
  facts.name = name;
  facts.manager = std::move(manager);
  unit::LoadContext context;
  context.search_path = search_path;
  const auto read = unit::find_and_read(name, context);
  if (!read) {
    facts.unreadable = read.error().message();
    return facts;
  }
  if (!read->unit.files.empty()) facts.file = read->unit.files.front();
  const unit::ServiceUnit* service = read->unit.service();
  if (service == nullptr) {
    facts.unreadable = "no service";
    return facts;
  }
  facts.oneshot = service->service.type == unit::ServiceType::kOneshot;
  const bool by_default = unset_restarts && !facts.oneshot;
  facts.restart = restart_word(service->service.restart.value_or(
      by_default ? unit::RestartPolicy::kAlways : unit::RestartPolicy::kNo));
  facts.standby = service->nines.standby > 0;
  const std::string socket = name.substr(0, name.rfind('.')) + ".socket";
  facts.own_socket = facts.standby || !service->service.sockets.empty();
  for (const std::string& directory : search_path) {
    facts.own_socket = facts.own_socket || sys::exists(directory + "/" + socket);
  }
  facts.watched = service->service.watchdog.has_value() || service->nines.health_check.has_value();
  for (const unit::ReadSetting& setting : read->settings) {
    if (setting.key == "MemoryDenyWriteExecute") {
      facts.write_execute_denied = says_yes(setting.value);
    }
  }
  return facts;
}

}  // namespace

std::vector<UnitFacts> systemd_units(const sys::HostRoot& root) {
  if (!sys::exists(root.path("/run/systemd/system"))) return {};
  std::vector<std::string> search_path;
  for (const char* directory :
       {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system", "/lib/systemd/system"}) {
    search_path.push_back(root.path(directory));
  }
  // Enabled by the administrator or by a package's preset, which makes links in these two. What
  // lies in the vendors' directories are systemd's own; sysinit's are for early boot.
  std::set<std::string> names;
  for (const char* where : {"/etc/systemd/system", "/run/systemd/system"}) {
    const std::string directory = root.path(where);
    for (const std::string& entry : entries_of(directory)) {
      const bool pulls = entry.ends_with(".target.wants") || entry.ends_with(".target.requires");
      if (!pulls || entry.starts_with("sysinit.")) continue;
      for (const std::string& name : entries_of(directory + "/" + entry)) {
        if (name.ends_with(".service") && names.size() < kMostUnits) names.insert(name);
      }
    }
  }
  std::vector<UnitFacts> units;
  units.reserve(names.size());
  for (const std::string& name : names) {
    units.push_back(facts_of(name, "systemd", search_path, false));
  }
  return units;
}

UnitFacts nines_unit(const std::string& name, const std::vector<std::string>& search_path) {
  return facts_of(name, "nines", search_path, true);
}

}  // namespace nines::matrix
