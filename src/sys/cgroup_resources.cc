// Cgroup: what it used and what it may use.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sys/cgroup.h"
#include "sys/file.h"
#include "sys/key_number.h"

namespace nines::sys {
namespace {

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

/// The interface files of one cgroup: which hierarchy has a file tells which one has the
/// controller.
class Files {
 public:
  explicit Files(const CgroupPaths& paths) : v2_path_(paths.v2()), v1_paths_(paths.v1()) {}

  /// Empty where the file does not exist.
  std::string v2(std::string_view name) const {
    if (v2_path_.empty()) return {};
    std::string path = fmt::format("{}/{}", v2_path_, name);
    return exists(path) ? path : std::string();
  }
  std::string v1(std::string_view name) const {
    for (const auto& directory : v1_paths_) {
      std::string path = fmt::format("{}/{}", directory, name);
      if (exists(path)) return path;
    }
    return {};
  }
  std::optional<std::uint64_t> count(std::string_view v2_name, std::string_view v1_name) const {
    for (const auto& path : {v2(v2_name), v1(v1_name)}) {
      if (path.empty()) continue;
      if (const auto text = read_file(path)) return parse_count(*text);
    }
    return std::nullopt;
  }
  std::optional<Bytes> bytes(std::string_view v2_name, std::string_view v1_name) const {
    const auto value = count(v2_name, v1_name);
    return value ? std::optional(Bytes{*value}) : std::nullopt;
  }

 private:
  std::string v2_path_;
  std::vector<std::string> v1_paths_;
};

/// One limit: the texts to write where v2 and where v1 has it. An absent one has its default there.
struct Setting {
  const char* name;
  bool wanted;
  const char* v2_file;
  std::string v2_text;
  const char* v1_file;  ///< nullptr: v1 has no such limit
  std::string v1_text;
};

template <typename T>
std::string text_or(const std::optional<T>& value, const char* otherwise) {
  if (!value) return otherwise;
  if constexpr (std::is_same_v<T, Bytes>) {
    return std::to_string(value->count);
  } else {
    return std::to_string(*value);
  }
}

constexpr long kQuotaPeriod_us = 100'000;
constexpr long kQuotaLeast_us = 1'000;  // the kernel takes no less

std::vector<Setting> settings(const CgroupLimits& limits) {
  std::optional<long> quota_us;
  if (limits.cpu_quota) {
    quota_us = std::max(kQuotaLeast_us, std::lround(*limits.cpu_quota * kQuotaPeriod_us));
  }
  // cpu.shares has 1024 where cpu.weight has 100; 2 is its minimum.
  std::optional<std::uint64_t> shares;
  if (limits.cpu_weight) shares = std::max<std::uint64_t>(2, *limits.cpu_weight * 1024 / 100);
  return {
      {"MemoryMax", limits.memory_max.has_value(), "memory.max", text_or(limits.memory_max, "max"),
       "memory.limit_in_bytes", text_or(limits.memory_max, "-1")},
      {"MemoryHigh", limits.memory_high.has_value(), "memory.high",
       text_or(limits.memory_high, "max"), nullptr, ""},
      {"TasksMax", limits.tasks_max.has_value(), "pids.max", text_or(limits.tasks_max, "max"),
       "pids.max", text_or(limits.tasks_max, "max")},
      {"CPUWeight", limits.cpu_weight.has_value(), "cpu.weight", text_or(limits.cpu_weight, "100"),
       "cpu.shares", text_or(shares, "1024")},
      {"CPUQuota", limits.cpu_quota.has_value(), "cpu.max",
       fmt::format("{} {}", text_or(quota_us, "max"), kQuotaPeriod_us), "cpu.cfs_quota_us",
       text_or(quota_us, "-1")},
  };
}

bool write_setting(const Files& files, const Setting& setting) {
  if (const std::string path = files.v2(setting.v2_file); !path.empty()) {
    return write_existing(path, setting.v2_text).has_value();
  }
  if (setting.v1_file == nullptr) return false;
  const std::string path = files.v1(setting.v1_file);
  return !path.empty() && write_existing(path, setting.v1_text).has_value();
}

}  // namespace

Result<std::uint64_t> Cgroup::oom_kills() const {
  const Files files(paths_);
  for (const auto& path : {files.v2("memory.events"), files.v1("memory.oom_control")}) {
    if (path.empty()) continue;
    NINES_ASSIGN(const std::string text, read_file(path));
    if (const auto kills = number_of(text, "oom_kill")) return *kills;
  }
  return Error(ErrorCode::kUnsupported, "count OOM kills").with_detail("no memory controller");
}

std::optional<Bytes> Cgroup::memory_limit() const {
  // v1 has a number for no limit: the largest of whole pages.
  constexpr std::uint64_t kNone = std::uint64_t{1} << 62;
  const auto limit = Files(paths_).bytes("memory.max", "memory.limit_in_bytes");
  return limit && limit->count < kNone ? limit : std::nullopt;
}

CgroupUsage Cgroup::usage() const {
  const Files files(paths_);
  CgroupUsage usage;
  usage.memory = files.bytes("memory.current", "memory.usage_in_bytes");
  usage.memory_peak = files.bytes("memory.peak", "memory.max_usage_in_bytes");
  usage.tasks = files.count("pids.current", "pids.current");
  // Every v2 cgroup counts its CPU time, also without the cpu controller.
  if (const std::string path = files.v2("cpu.stat"); !path.empty()) {
    if (const auto text = read_file(path)) usage.cpu_usec = number_of(*text, "usage_usec");
  }
  if (!usage.cpu_usec) {
    const auto nanoseconds = files.count("cpuacct.usage", "cpuacct.usage");
    if (nanoseconds) usage.cpu_usec = *nanoseconds / 1000;
  }
  return usage;
}

std::vector<std::string> Cgroup::apply(const CgroupLimits& limits) const {
  const Files files(paths_);
  std::vector<std::string> not_applied;
  for (const Setting& setting : settings(limits)) {
    if (!write_setting(files, setting) && setting.wanted) not_applied.emplace_back(setting.name);
  }
  return not_applied;
}

}  // namespace nines::sys
