#include "app/unit/search.h"

#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>

#include "sys/file.h"

namespace nines::unit {
namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string file_name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

/// @return the path without symbolic links, or `path` itself where that cannot be told.
std::string canonical(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? real.get() : path;
}

/// The target of a symbolic link, absolute; or "".
std::string link_target(const std::string& path) {
  char buffer[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), buffer, sizeof buffer);
  if (length <= 0 || length == static_cast<ssize_t>(sizeof buffer)) return "";
  std::string target(buffer, static_cast<std::size_t>(length));
  return target.starts_with('/') ? target : parent_of(path) + "/" + target;
}

/// A link to /dev/null (or any device), or an empty file. @source systemd's null_or_empty()
bool is_masked(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return false;
  return S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode) ||
         (S_ISREG(status.st_mode) && status.st_size == 0);
}

/// @return the first path that exists (also a dangling link, which is an answer too), or "".
std::string find_first(const std::string& file_name, const std::vector<std::string>& search_path) {
  for (const std::string& directory : search_path) {
    const std::string path = directory + "/" + file_name;
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) return path;
  }
  return "";
}

bool in_search_path(const std::string& path, const std::vector<std::string>& search_path) {
  const std::string directory = canonical(parent_of(path));
  return std::any_of(search_path.begin(), search_path.end(), [&](const std::string& candidate) {
    return candidate == parent_of(path) || canonical(candidate) == directory;
  });
}

/// The name that a link to `target` gives to the unit `name`: "sshd.service" -> "ssh.service";
/// an instance keeps its instance where the target is a template.
Result<UnitName> name_behind(const UnitName& name, const std::string& target) {
  NINES_ASSIGN(UnitName other, parse_unit_name(file_name_of(target)));
  if (other.type != name.type) {
    return Error(ErrorCode::kInvalidArgument, "alias", name.full())
        .with_detail(fmt::format("a link to {}, which is of another type", target));
  }
  if (other.is_template && name.is_instance) {
    other.instance = name.instance;
    other.is_template = false;
    other.is_instance = true;
  }
  return other;
}

Error masked(const UnitName& name, const std::string& path) {
  return Error(ErrorCode::kInvalidArgument, "load unit", name.full())
      .with_detail(fmt::format("masked: {} is empty or a link to /dev/null", path))
      .with_hint(fmt::format("systemctl unmask {}, or remove {}", name.full(), path));
}

Error not_found(const UnitName& name, const std::vector<std::string>& search_path) {
  std::string hint = "looked in:";
  for (const std::string& directory : search_path) hint += " " + directory;
  return Error(ErrorCode::kNotFound, "load unit", name.full())
      .with_detail("no such unit file")
      .with_hint(std::move(hint));
}

/// Names below NAME.wants/ or NAME.requires/ in every directory of the search path.
std::vector<std::string> listed_dependencies(const std::vector<UnitName>& names,
                                             std::string_view suffix,
                                             const std::vector<std::string>& search_path) {
  std::vector<std::string> found;
  for (const UnitName& name : names) {
    for (const std::string& directory : search_path) {
      const auto entries =
          sys::list_directory(fmt::format("{}/{}{}", directory, name.full(), suffix));
      if (!entries) continue;
      for (const std::string& entry : *entries) {
        if (parse_unit_name(entry) && std::find(found.begin(), found.end(), entry) == found.end()) {
          found.push_back(entry);
        }
      }
    }
  }
  return found;
}

Result<UnitFiles> complete(UnitFiles files, const std::vector<UnitName>& names,
                           const std::vector<std::string>& search_path) {
  if (is_masked(files.fragment)) return masked(files.name, files.fragment);
  files.drop_ins = find_drop_ins(names, search_path);
  files.wants = listed_dependencies(names, ".wants", search_path);
  files.requires_units = listed_dependencies(names, ".requires", search_path);
  return files;
}

}  // namespace

std::vector<std::string> find_drop_ins(const std::vector<UnitName>& names,
                                       const std::vector<std::string>& search_path) {
  std::vector<std::string> directories;
  for (const UnitName& name : names) {
    for (const std::string& base : search_path) {
      for (const std::string& directory : drop_in_directories(name))
        directories.push_back(base + "/" + directory);
    }
  }
  for (const std::string& base : search_path)
    directories.push_back(base + "/" + names.front().type + ".d");

  std::map<std::string, std::string> by_file_name;
  for (const std::string& directory : directories) {
    const auto entries = sys::list_directory(directory);
    if (!entries) continue;
    for (const std::string& entry : *entries) {
      if (entry.ends_with(".conf")) by_file_name.emplace(entry, directory + "/" + entry);
    }
  }
  std::vector<std::string> paths;
  for (const auto& [file_name, path] : by_file_name) {
    if (!is_masked(path)) paths.push_back(path);
  }
  return paths;
}

Result<UnitFiles> find_unit(const UnitName& name, const std::vector<std::string>& search_path) {
  constexpr int kMaxLinks = 16;
  UnitFiles files;
  files.name = name;
  std::vector<UnitName> names{name};
  std::string path = find_first(name.full(), search_path);
  if (path.empty() && name.is_instance) path = find_first(name.template_name(), search_path);
  if (path.empty()) return not_found(name, search_path);
  for (int links = 0;; ++links) {
    const std::string target = link_target(path);
    if (target.empty()) break;
    if (links == kMaxLinks) {
      return Error(ErrorCode::kInvalidArgument, "load unit", name.full())
          .with_detail(fmt::format("{} is a link in a circle", path));
    }
    if (is_masked(path)) return masked(files.name, path);
    // A link out of the search path only says where the file lies; it gives no other name.
    if (in_search_path(target, search_path)) {
      NINES_ASSIGN(UnitName real, name_behind(files.name, target));
      if (real.full() != files.name.full()) {
        files.aliases.push_back(files.name.full());
        files.name = real;
        names.insert(names.begin(), real);
      }
    }
    path = target;
  }
  if (!sys::exists(path)) return not_found(files.name, search_path);
  files.fragment = path;
  return complete(std::move(files), names, search_path);
}

Result<UnitFiles> find_unit_at(const std::string& path,
                               const std::vector<std::string>& search_path) {
  UnitFiles files;
  NINES_ASSIGN(files.name, parse_unit_name(file_name_of(path)));
  if (!sys::exists(path)) {
    return Error(ErrorCode::kNotFound, "load unit", path).with_detail("no such file");
  }
  files.fragment = path;
  std::vector<std::string> directories{parent_of(path)};
  directories.insert(directories.end(), search_path.begin(), search_path.end());
  const std::vector<UnitName> names{files.name};
  return complete(std::move(files), names, directories);
}

}  // namespace nines::unit
