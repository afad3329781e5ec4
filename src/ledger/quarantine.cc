#include "ledger/quarantine.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/fault_point.h"
#include "sys/file.h"

namespace nines::ledger {
namespace {

constexpr std::string_view kMark = ".corrupt-";
constexpr std::array<const char*, 2> kCompanions = {"-wal", "-shm"};

Status rename_if_there(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
  return Error::from_errno(errno, "rename", from);
}

Status move_companions(const std::string& path, const std::string& aside) {
  for (const char* suffix : kCompanions) NINES_TRY(rename_if_there(path + suffix, aside + suffix));
  return {};
}

/// A -wal without its database belongs to the one that was set aside last.
Status move_to_newest(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  const std::string base = path.substr(slash == std::string::npos ? 0 : slash + 1);
  NINES_ASSIGN(const auto names, sys::list_directory(directory));
  std::string newest;
  for (const std::string& name : names) {
    const bool companion = name.ends_with("-wal") || name.ends_with("-shm");
    if (name.starts_with(base + std::string(kMark)) && !companion) newest = name;  // sorted by time
  }
  const std::string aside =
      newest.empty() ? quarantine_name(path, utc_now()) : path.substr(0, slash + 1) + newest;
  return move_companions(path, aside);
}

}  // namespace

std::string quarantine_name(const std::string& path, UtcTime now) {
  std::string stamp;
  for (const char c : to_iso8601(now)) {
    if (c == '.') break;
    if (c != '-' && c != ':') stamp += c;
  }
  const std::string name = path + std::string(kMark) + stamp + "Z";
  std::string free = name;
  for (int n = 2; sys::exists(free) || sys::exists(free + "-wal"); ++n) {
    free = fmt::format("{}-{}", name, n);
  }
  return free;
}

Status quarantine(const std::string& path, const std::string& aside) {
  NINES_TRY(rename_if_there(path, aside));
  fault::pass(FaultPoint::quarantine_renamed);
  return move_companions(path, aside);
}

Status finish_quarantine(const std::string& path) {
  if (sys::exists(path)) return {};
  if (sys::exists(path + "-wal")) NINES_TRY(move_to_newest(path));
  return rename_if_there(path + std::string(kRepaired), path);
}

}  // namespace nines::ledger
