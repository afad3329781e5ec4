// The only file that knows libapt-pkg.
#include <apt-pkg/debversion.h>
#include <apt-pkg/error.h>
#include <apt-pkg/fileutl.h>
#include <apt-pkg/gpgv.h>
#include <apt-pkg/strutl.h>
#include <apt-pkg/tagfile.h>
#include <sys/stat.h>

#include <map>
#include <optional>

#include "app/updates/security_updates.h"
#include "sys/file.h"

namespace nines::updates {
namespace {

constexpr const char* kLists = "/var/lib/apt/lists";
constexpr const char* kStatus = "/var/lib/dpkg/status";

struct Installed {
  std::string version, architecture;
  bool held = false;
};
/// Several architectures of one package may be installed.
using InstalledPackages = std::multimap<std::string, Installed, std::less<>>;

std::string field(const pkgTagSection& section, const char* name) {
  return section.FindS(name);
}

/// libapt-pkg's own words, and an end to them.
Error apt_error(ErrorCode code, const std::string& path) {
  std::string detail;
  if (_error->PendingError()) _error->PopMessage(detail);
  _error->Discard();
  return Error(code, "read", path).with_detail(std::move(detail));
}

Result<InstalledPackages> read_installed(const std::string& path) {
  if (!sys::exists(path)) return Error(ErrorCode::kNotFound, "read", path);
  FileFd file;
  if (!file.Open(path, FileFd::ReadOnly)) return apt_error(ErrorCode::kDenied, path);
  pkgTagFile tags(&file);
  pkgTagSection section;
  InstalledPackages packages;
  while (tags.Step(section)) {
    // "install ok installed": selection, flag, state. @source dpkg-query(1)
    const std::string status = field(section, "Status");
    if (!status.ends_with(" installed")) continue;
    packages.emplace(field(section, "Package"),
                     Installed{field(section, "Version"), field(section, "Architecture"),
                               status.starts_with("hold ")});
  }
  if (_error->PendingError()) return apt_error(ErrorCode::kCorrupt, path);
  return packages;
}

struct Release {
  std::string label, suite;
  UtcTime published;
};

/// @return nothing unless it is a security archive's.
std::optional<Release> security_release(const std::string& path) {
  FileFd file;
  pkgTagSection section;
  if (!OpenMaybeClearSignedFile(path, file)) return std::nullopt;
  pkgTagFile tags(&file);
  if (!tags.Step(section)) return std::nullopt;
  Release release{field(section, "Label"), field(section, "Suite"), {}};
  // Debian tells its security archive by label, Ubuntu by suite.
  if (release.label != "Debian-Security" && !release.suite.ends_with("-security")) {
    return std::nullopt;
  }
  time_t published = 0;
  if (RFC1123StrToTime(field(section, "Date"), published)) {
    release.published = UtcTime{published * std::int64_t{1'000'000'000}};
  }
  return release;
}

/// Adds what one list of packages holds that is newer. @return how many packages it lists.
Result<std::size_t> compare(const std::string& path, const std::string& archive,
                            const InstalledPackages& installed,
                            std::map<std::string, PendingUpdate>& pending) {
  FileFd file;
  if (!file.Open(path, FileFd::ReadOnly, FileFd::Extension)) {
    return apt_error(ErrorCode::kIo, path);
  }
  pkgTagFile tags(&file, 64 << 10);
  pkgTagSection section;
  std::size_t listed = 0;
  while (tags.Step(section)) {
    ++listed;
    const std::string name = field(section, "Package");
    const auto [begin, end] = installed.equal_range(name);
    if (begin == end) continue;
    const std::string version = field(section, "Version");
    const std::string architecture = field(section, "Architecture");
    for (auto it = begin; it != end; ++it) {
      const Installed& have = it->second;
      const bool same =
          architecture == have.architecture || architecture == "all" || have.architecture == "all";
      if (!same || debVS.CmpVersion(version, have.version) <= 0) continue;
      PendingUpdate& update = pending[name];
      if (update.package.empty() || debVS.CmpVersion(version, update.candidate) > 0) {
        update = {name, have.version, version, archive, have.held};
      }
    }
  }
  if (_error->PendingError()) return apt_error(ErrorCode::kCorrupt, path);
  return listed;
}

}  // namespace

Result<PendingUpdates> read_pending_updates(const sys::HostRoot& root) {
  NINES_ASSIGN(const InstalledPackages installed, read_installed(root.path(kStatus)));
  PendingUpdates updates;
  updates.installed = installed.size();
  const std::string lists = root.path(kLists);
  auto names = sys::list_directory(lists);
  if (!names && names.error().code() == ErrorCode::kNotFound) return updates;
  if (!names) return names.error();
  std::map<std::string, PendingUpdate> pending;
  for (const std::string& name : *names) {
    std::size_t prefix = 0;
    if (name.ends_with("_InRelease"))
      prefix = name.size() - std::string_view("InRelease").size();
    else if (name.ends_with("_Release"))
      prefix = name.size() - std::string_view("Release").size();
    if (prefix == 0) continue;
    const auto release = security_release(lists + "/" + name);
    _error->Discard();  // one that is unreadable is none
    if (!release) continue;
    struct stat info{};
    ::stat((lists + "/" + name).c_str(), &info);
    SecurityIndex index{release->label + " " + release->suite, release->published,
                        UtcTime{info.st_mtim.tv_sec * std::int64_t{1'000'000'000}}, 0};
    for (const std::string& list : *names) {
      const bool ours =
          list.starts_with(name.substr(0, prefix)) && list.find("_Packages") != std::string::npos;
      if (!ours) continue;
      NINES_ASSIGN(const std::size_t listed,
                   compare(lists + "/" + list, index.archive, installed, pending));
      index.packages += listed;
    }
    updates.indexes.push_back(std::move(index));
  }
  for (auto& [name, update] : pending) updates.pending.push_back(std::move(update));
  return updates;
}

}  // namespace nines::updates
