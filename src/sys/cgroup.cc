#include "sys/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include "sys/file.h"

namespace nines::sys {
namespace {

std::vector<std::string> subdirectories(const std::string& path) {
  std::vector<std::string> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), &::closedir);
  if (!dir) return found;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") found.push_back(path + "/" + name);
  }
  return found;
}

Status add_processes(const std::string& directory, std::vector<pid_t>& into) {
  const auto text = read_file(directory + "/cgroup.procs");
  if (!text) {
    const ErrorCode code = text.error().code();
    // Removed meanwhile (ENOENT, ENODEV), or a threaded cgroup, whose processes its parent lists.
    if (code == ErrorCode::kNotFound || code == ErrorCode::kUnsupported) return {};
    return text.error();
  }
  for (const char* at = text->data(); at < text->data() + text->size(); ++at) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, text->data() + text->size(), pid);
    // 0 stands for a process outside of our pid namespace, which has no number here.
    if (parsed.ec == std::errc() && pid > 0) into.push_back(pid);
    at = std::find(at, text->data() + text->size(), '\n');
  }
  for (const auto& below : subdirectories(directory)) NINES_TRY(add_processes(below, into));
  return {};
}

Status remove_tree(const std::string& directory) {
  for (const auto& below : subdirectories(directory)) NINES_TRY(remove_tree(below));
  if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
  return Error::from_errno(errno, "remove cgroup", directory);
}

}  // namespace

CgroupPaths::CgroupPaths(const std::string& v2, const std::vector<std::string>& v1) {
  if (v2.empty() && v1.empty()) return;
  Paths paths;
  std::string& name = paths.name;
  const std::string& any = v2.empty() ? v1.front() : v2;
  name = any.substr(std::min(any.rfind('/'), any.size()));
  const auto ends_so = [&name](const std::string& path) { return path.ends_with(name); };
  if (!std::all_of(v1.begin(), v1.end(), ends_so)) name.clear();
  const auto base = [&name](const std::string& path) {
    return path.substr(0, path.size() - name.size());
  };
  Bases bases;
  if (!v2.empty()) bases.v2 = base(v2);
  for (const auto& path : v1) bases.v1.push_back(base(path));
  // Nearly always those of the unit before.
  thread_local std::weak_ptr<const Bases> last;
  paths.bases = last.lock();
  if (!paths.bases || *paths.bases != bases) {
    paths.bases = std::make_shared<const Bases>(std::move(bases));
    last = paths.bases;
  }
  paths_ = std::make_shared<const Paths>(std::move(paths));
}

std::string CgroupPaths::v2() const {
  return paths_ && !paths_->bases->v2.empty() ? paths_->bases->v2 + paths_->name : std::string();
}

std::vector<std::string> CgroupPaths::v1() const {
  std::vector<std::string> all;
  if (paths_) {
    for (const auto& base : paths_->bases->v1) all.push_back(base + paths_->name);
  }
  return all;
}

Result<Cgroup> Cgroup::reopen(const CgroupPaths& paths) {
  Cgroup cgroup;
  std::string v2 = paths.v2();
  if (!v2.empty()) {
    if (auto fd = open_file(v2, O_RDONLY | O_DIRECTORY)) {
      cgroup.v2_fd_ = std::move(*fd);
      cgroup.spoiled_ = true;
    } else {
      v2.clear();
    }
  }
  std::vector<std::string> v1 = paths.v1();
  std::erase_if(v1, [](const std::string& path) { return !exists(path + "/cgroup.procs"); });
  cgroup.paths_ = CgroupPaths(v2, v1);
  if (!cgroup.valid()) return Error(ErrorCode::kGone, "open cgroup", paths.v2());
  return cgroup;
}

std::vector<std::string> Cgroup::procs_files() const {
  std::vector<std::string> files;
  if (spoiled_) files.push_back(v2_path() + "/cgroup.procs");
  for (const auto& path : v1_paths()) files.push_back(path + "/cgroup.procs");
  return files;
}

Result<std::vector<pid_t>> Cgroup::processes() const {
  std::vector<pid_t> found;
  if (const std::string v2 = v2_path(); !v2.empty()) {
    NINES_TRY(add_processes(v2, found));
  } else {
    for (const auto& path : v1_paths()) NINES_TRY(add_processes(path, found));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Result<bool> Cgroup::populated() const {
  const std::string v2 = v2_path();
  if (v2.empty()) {
    NINES_ASSIGN(const auto found, processes());
    return !found.empty();
  }
  const auto events = read_file(v2 + "/cgroup.events");
  if (!events) {
    if (events.error().code() == ErrorCode::kNotFound) return false;  // removed
    return events.error();
  }
  return events->find("populated 1") != std::string::npos;
}

Result<bool> Cgroup::renew() {
  if (!spoiled_) return false;
  const std::string v2 = v2_path();
  NINES_ASSIGN(const bool inhabited, populated());
  if (inhabited) return Error(ErrorCode::kBusy, "renew cgroup", v2);
  NINES_TRY(remove_tree(v2));
  if (::mkdir(v2.c_str(), 0755) != 0) return Error::from_errno(errno, "create cgroup", v2);
  NINES_ASSIGN(v2_fd_, open_file(v2, O_RDONLY | O_DIRECTORY));
  spoiled_ = false;
  return true;
}

Status Cgroup::remove() {
  if (const std::string v2 = v2_path(); !v2.empty()) NINES_TRY(remove_tree(v2));
  for (const auto& path : v1_paths()) NINES_TRY(remove_tree(path));
  *this = Cgroup();
  return {};
}

}  // namespace nines::sys
