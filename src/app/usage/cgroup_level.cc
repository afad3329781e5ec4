#include "app/usage/cgroup_level.h"

#include <algorithm>

#include "app/usage/proc_text.h"
#include "app/usage/small_file.h"
#include "sys/file.h"
#include "sys/key_number.h"

namespace nines::usage {
namespace {

/// v1 says "no limit" by a number: LONG_MAX rounded down to whole pages.
/// @source PAGE_COUNTER_MAX, include/linux/page_counter.h
constexpr double kV1NoLimit = 9.2e18;

std::optional<double> amount_in(const std::string& path) {
  SmallBuffer buffer;
  const auto text = read_small(path, buffer);
  return text ? parse_amount(*text) : std::nullopt;
}

double as_v1_limit(double limit) {
  return limit >= kV1NoLimit ? std::numeric_limits<double>::infinity() : limit;
}

/// @return  the file's number; empty: it is gone, or cannot be read, which `failures` is told.
std::optional<double> read_amount(const std::string& path, std::vector<Error>& failures) {
  SmallBuffer buffer;
  auto text = read_small(path, buffer);
  if (text) return parse_amount(*text);
  if (!is_gone(text.error())) failures.push_back(std::move(text.error()));
  return std::nullopt;
}

}  // namespace

void CgroupLevel::look(const std::string& path, BootTime now) {
  if (known_ && now < look_again_) return;
  look_again_ = now + (known_ ? kRefresh : kFirstRefresh);
  known_ = true;
  exists_ = sys::exists(path + "/cgroup.procs");
  is_v2_ = sys::exists(path + "/cgroup.controllers");
  memory_ = Interface::kNone;
  has_tasks_ = false;
  if (!exists_) return;
  look_at_memory(path);
  // The file is missing in the root, and where there is no pids controller.
  const auto tasks_limit = amount_in(path + "/pids.max");
  has_tasks_ = tasks_limit.has_value();
  tasks_limit_ = tasks_limit.value_or(kNone);
}

void CgroupLevel::look_at_memory(const std::string& path) {
  memory_limit_ = kNone;
  slows_first_ = false;
  if (const auto max = amount_in(path + "/memory.max")) {
    memory_ = Interface::kV2;
    memory_limit_ = *max;
    // Above memory.high processes are slowed down until they hardly run.
    const double high = amount_in(path + "/memory.high").value_or(kNone);
    if (high >= memory_limit_) return;
    memory_limit_ = high;
    slows_first_ = true;
  } else if (const auto limit = amount_in(path + "/memory.limit_in_bytes")) {
    memory_ = Interface::kV1;
    memory_limit_ = as_v1_limit(*limit);
  }
}

const char* CgroupLevel::memory_limited_by() const {
  if (memory_ == Interface::kV1) return "memory.limit_in_bytes";
  return slows_first_ ? "memory.high" : "memory.max";
}

void CgroupLevel::measure(const std::string& path, BootTime now, std::vector<Error>& failures) {
  if (measured_ && now < measure_again_) return;
  measured_ = true;
  measure_again_ = now + kRound;
  memory_used_ = -1;
  if (has_memory()) measure_memory(path, failures);
  tasks_ = has_tasks_ ? read_amount(path + "/pids.current", failures).value_or(-1) : -1;
}

void CgroupLevel::measure_memory(const std::string& path, std::vector<Error>& failures) {
  const bool v2 = memory_ == Interface::kV2;
  const auto used =
      read_amount(path + (v2 ? "/memory.current" : "/memory.usage_in_bytes"), failures);
  if (!used) return;
  SmallBuffer buffer;
  auto stat = read_small(path + "/memory.stat", buffer);
  if (!stat) {
    if (!is_gone(stat.error())) failures.push_back(std::move(stat.error()));
    return;
  }
  std::uint64_t reclaimable = sys::number_of(*stat, "slab_reclaimable").value_or(0);
  if (v2) {
    reclaimable += sys::number_of(*stat, "inactive_file").value_or(0);
  } else {
    // Without use_hierarchy there is no total, and those below do not count.
    const auto total = sys::number_of(*stat, "total_inactive_file");
    reclaimable += total ? *total : sys::number_of(*stat, "inactive_file").value_or(0);
    const auto least = sys::number_of(*stat, "hierarchical_memory_limit");
    hierarchical_limit_ = least ? as_v1_limit(static_cast<double>(*least)) : kNone;
  }
  // The two files are read one after the other.
  memory_used_ = std::max(0.0, *used - static_cast<double>(reclaimable));
}

}  // namespace nines::usage
