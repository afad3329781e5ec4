#include "app/updates/package_use.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

#include "sys/file.h"

namespace nines::updates {
namespace {

constexpr const char* kInfo = "/var/lib/dpkg/info";
constexpr Bytes kLongestList{64 << 20};

/// "libssl3" of "libssl3:amd64.list"; empty for another file.
std::string_view package_of(std::string_view name) {
  if (!name.ends_with(".list")) return {};
  return name.substr(0, std::min(name.find(':'), name.size() - std::string_view(".list").size()));
}

/// Path -> indexes of the packages that have it.
using Owners = std::unordered_map<std::string, std::vector<std::size_t>>;

/// Where /lib is a link to /usr/lib, dpkg's list may say the one and the kernel the other.
/// @source https://wiki.debian.org/UsrMerge
const std::vector<std::size_t>* owners_of(const Owners& owners, const std::string& path) {
  auto found = owners.find(path);
  if (found == owners.end() && path.starts_with("/usr/")) found = owners.find(path.substr(4));
  if (found == owners.end()) found = owners.find("/usr" + path);
  return found == owners.end() ? nullptr : &found->second;
}

Result<Owners> read_lists(const sys::HostRoot& root, std::vector<PackageUse>* packages) {
  std::map<std::string, std::size_t, std::less<>> wanted;
  for (std::size_t i = 0; i < packages->size(); ++i) wanted.emplace((*packages)[i].package, i);
  const std::string directory = root.path(kInfo);
  NINES_ASSIGN(const auto names, sys::list_directory(directory));
  Owners owners;
  for (const std::string& name : names) {
    const auto package = wanted.find(package_of(name));
    if (package == wanted.end()) continue;
    const auto list = sys::read_file(directory + "/" + name, kLongestList);
    if (!list) continue;  // `listed` tells
    (*packages)[package->second].listed = true;
    for (std::size_t at = 0; at < list->size();) {
      const std::size_t end = std::min(list->find('\n', at), list->size());
      std::vector<std::size_t>& of = owners[list->substr(at, end - at)];
      if (of.empty() || of.back() != package->second) of.push_back(package->second);
      at = end + 1;
    }
  }
  return owners;
}

}  // namespace

Result<PackageUses> find_package_uses(const sys::HostRoot& root,
                                      const std::vector<std::string>& packages,
                                      std::chrono::steady_clock::time_point deadline) {
  PackageUses uses;
  for (const std::string& package : packages) uses.packages.push_back({package});
  NINES_ASSIGN(const Owners owners, read_lists(root, &uses.packages));
  NINES_ASSIGN(const FileUsers found,
               find_file_users(root, deadline, [&](const ExecutableMapping& mapping) {
                 return owners_of(owners, mapping.path) != nullptr;
               }));
  uses.looked_at = found.looked_at;
  uses.denied = found.denied;
  uses.skipped = found.skipped;
  for (const FileUser& user : found.users) {
    for (const std::string& file : user.files) {
      for (const std::size_t index : *owners_of(owners, file)) {
        auto& users = uses.packages[index].users;
        if (users.empty() || users.back().pid != user.pid) {
          users.push_back({user.pid, user.command, user.unit, {}});
        }
        users.back().files.push_back(file);
      }
    }
  }
  return uses;
}

}  // namespace nines::updates
