#include "daemon/crash_record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "app/crash/crash_store.h"
#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's

namespace nines::daemon {
namespace {

using nlohmann::json;

constexpr Bytes kMaxRecord{16 << 10};

Result<UniqueFd> locked(Result<UniqueFd> file, const std::string& path) {
  if (!file) return file;
  if (::flock(file->get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno == EWOULDBLOCK) return Error(ErrorCode::kBusy, "lock", path);
  return Error::from_errno(errno, "lock", path);
}

std::string text_in(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

json policy_json(const crash::CorePolicy& policy) {
  json out = {{"core", crash::to_string(policy.wish)},
              {"waits", policy.successor_waits},
              {"serves", policy.successor_serves},
              {"kill", policy.kill_after_minimal}};
  if (policy.limit) out["limit"] = policy.limit->count;
  return out;
}

crash::CorePolicy policy_in(const json& object) {
  crash::CorePolicy policy;
  const auto flag = [&](const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_boolean() && at->get<bool>();
  };
  policy.wish = crash::core_wish(text_in(object, "core")).value_or(policy.wish);
  policy.successor_waits = flag("waits");
  policy.successor_serves = flag("serves");
  policy.kill_after_minimal = flag("kill");
  const auto limit = object.find("limit");
  if (limit != object.end() && limit->is_number_unsigned()) {
    policy.limit = Bytes{limit->get<std::uint64_t>()};
  }
  return policy;
}

json gone_json(const crash::GoneProcess& gone) {
  return {{"pid", gone.pid},
          {"signal", gone.signal},
          {"program", gone.program},
          {"oom", gone.oom},
          {"directory", gone.directory}};
}

std::int64_t number_in(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}

crash::GoneProcess gone_in(const json& object) {
  crash::GoneProcess gone;
  gone.pid = static_cast<pid_t>(number_in(object, "pid"));
  gone.signal = static_cast<int>(number_in(object, "signal"));
  gone.program = text_in(object, "program");
  gone.directory = text_in(object, "directory");
  const auto oom = object.find("oom");
  if (oom == object.end() || !oom->is_array()) return gone;
  for (const json& one : *oom) {
    if (one.is_string()) gone.oom.push_back(one.get<std::string>());
  }
  return gone;
}

}  // namespace

Status CrashRecords::open() {
  return sys::make_directories(directory_, 0700);
}

Result<UniqueFd> CrashRecords::begin(const CrashOrigin& origin) const {
  const std::string path = directory_ + "/" + origin.id;
  NINES_ASSIGN(
      UniqueFd file,
      locked(sys::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0600),
             path));
  json members = {{"unit", origin.unit},
                  {"cause", origin.cause},
                  {"watchdog", origin.watchdog},
                  {"log", origin.log},
                  {"pid", origin.pid},
                  {"dumpable", origin.dumpable},
                  {"policy", policy_json(origin.policy)},
                  {"time_ns", origin.time.ns},
                  {"since_boot_ns", origin.since_boot.ns}};
  if (origin.gone) members["gone"] = gone_json(*origin.gone);
  const std::string line = members.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  const ssize_t n = ::write(file.get(), line.data(), line.size());
  if (n == static_cast<ssize_t>(line.size())) return file;
  Error error = Error::from_errno(n < 0 ? errno : ENOSPC, "write", path);
  remove(origin.id);
  return error;
}

std::vector<std::string> CrashRecords::unfinished() const {
  auto names = sys::list_directory(directory_);
  if (!names) return {};
  std::erase_if(*names, [](const std::string& name) { return !crash::is_crash_id(name); });
  return std::move(*names);
}

Result<UniqueFd> CrashRecords::take_over(const std::string& id) const {
  const std::string path = directory_ + "/" + id;
  return locked(sys::open_file(path, O_WRONLY | O_APPEND | O_NOFOLLOW), path);
}

Result<CrashRecords::Read> CrashRecords::read(const std::string& id) const {
  NINES_ASSIGN(const std::string text, sys::read_file(directory_ + "/" + id, kMaxRecord));
  const auto end = text.find('\n');
  const json first = json::parse(text.substr(0, end), nullptr, false);
  Read read;
  read.origin.id = id;
  if (first.is_object()) {
    read.origin.unit = text_in(first, "unit");
    read.origin.cause = text_in(first, "cause");
    read.origin.watchdog = text_in(first, "watchdog");
    read.origin.log = text_in(first, "log");
    read.origin.pid = static_cast<pid_t>(number_in(first, "pid"));
    read.origin.dumpable = static_cast<int>(number_in(first, "dumpable"));
    const auto policy = first.find("policy");
    if (policy != first.end() && policy->is_object()) read.origin.policy = policy_in(*policy);
    const auto gone = first.find("gone");
    if (gone != first.end() && gone->is_object()) read.origin.gone = gone_in(*gone);
    read.origin.time.ns = number_in(first, "time_ns");
    read.origin.since_boot.ns = number_in(first, "since_boot_ns");
  }
  if (end != std::string::npos) {
    read.outcome = crash::decode_outcome(std::string_view(text).substr(end + 1));
  }
  return read;
}

void CrashRecords::remove(const std::string& id) const {
  (void)::unlink((directory_ + "/" + id).c_str());
}

}  // namespace nines::daemon
