#include "app/supervise/attainable.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "sys/file.h"

namespace nines::supervise {
namespace {

/// "         0          0 4294967295": every id is itself.
bool in_initial_user_namespace() {
  const Result<std::string> map = sys::read_file("/proc/self/uid_map");
  unsigned inside = 1, outside = 1;
  unsigned long count = 0;
  return map && std::sscanf(map->c_str(), "%u %u %lu", &inside, &outside, &count) == 3 &&
         inside == 0 && outside == 0 && count == 4294967295UL;
}

std::optional<int> read_number(const char* path) {
  const Result<std::string> text = sys::read_file(path);
  if (!text) return std::nullopt;
  int value = 0;
  if (std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc()) {
    return std::nullopt;
  }
  return value;
}

struct LimitName {
  int resource;
  const char* name;
};
constexpr std::array<LimitName, 16> kLimitNames = {{{RLIMIT_CPU, "CPU"},
                                                    {RLIMIT_FSIZE, "FSIZE"},
                                                    {RLIMIT_DATA, "DATA"},
                                                    {RLIMIT_STACK, "STACK"},
                                                    {RLIMIT_CORE, "CORE"},
                                                    {RLIMIT_RSS, "RSS"},
                                                    {RLIMIT_NOFILE, "NOFILE"},
                                                    {RLIMIT_AS, "AS"},
                                                    {RLIMIT_NPROC, "NPROC"},
                                                    {RLIMIT_MEMLOCK, "MEMLOCK"},
                                                    {RLIMIT_LOCKS, "LOCKS"},
                                                    {RLIMIT_SIGPENDING, "SIGPENDING"},
                                                    {RLIMIT_MSGQUEUE, "MSGQUEUE"},
                                                    {RLIMIT_NICE, "NICE"},
                                                    {RLIMIT_RTPRIO, "RTPRIO"},
                                                    {RLIMIT_RTTIME, "RTTIME"}}};

std::string limit_name(int resource) {
  for (const LimitName& limit : kLimitNames) {
    if (limit.resource == resource) return std::string("Limit") + limit.name;
  }
  return fmt::format("Limit{}", resource);
}

/// The most that a hard limit can be set to.
rlim_t highest(int resource, const Reach& reach) {
  rlim_t most = RLIM_INFINITY;
  if (resource == RLIMIT_NOFILE) {
    // Not even root may exceed it: getrlimit(2), ERRORS.
    if (const auto open_files = read_number("/proc/sys/fs/nr_open")) {
      most = static_cast<rlim_t>(*open_files);
    }
  }
  rlimit own{};
  if (!reach.resources && ::getrlimit(static_cast<__rlimit_resource>(resource), &own) == 0) {
    most = std::min(most, own.rlim_max);
  }
  return most;
}

std::string shown(rlim_t value) {
  return value == RLIM_INFINITY ? "infinity" : std::to_string(value);
}

void apply_limits(const unit::ExecSettings& exec, const Reach& reach, sys::SpawnRequest& request,
                  std::vector<std::string>& remarks) {
  for (const auto& [resource, wanted] : exec.limits) {
    const rlim_t most = highest(resource, reach);
    const rlimit possible{std::min(wanted.rlim_cur, most), std::min(wanted.rlim_max, most)};
    request.limits[resource] = possible;
    const bool lowered = possible.rlim_cur != wanted.rlim_cur ||
                         // LimitNOFILE=infinity is a way to say "as many as there can be".
                         (possible.rlim_max != wanted.rlim_max && wanted.rlim_max != RLIM_INFINITY);
    if (!lowered) continue;
    remarks.push_back(fmt::format("{}={}:{} cannot be set here; it is {}:{}", limit_name(resource),
                                  shown(wanted.rlim_cur), shown(wanted.rlim_max),
                                  shown(possible.rlim_cur), shown(possible.rlim_max)));
  }
}

void apply_nice(int wanted, const Reach& reach, sys::SpawnRequest& request,
                std::vector<std::string>& remarks) {
  request.nice = wanted;
  if (reach.nice) return;
  errno = 0;
  const int own = ::getpriority(PRIO_PROCESS, 0);
  rlimit limit{};
  if ((own == -1 && errno != 0) || ::getrlimit(RLIMIT_NICE, &limit) != 0) return;
  // getrlimit(2), RLIMIT_NICE: the lowest nice level that may be set is 20 - limit.
  const int lowest = std::min(own, 20 - static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 40)));
  if (wanted >= lowest) return;
  request.nice = lowest;
  remarks.push_back(fmt::format("Nice={} cannot be set here; it is {}", wanted, lowest));
}

void apply_oom_score(int wanted, const Reach& reach, sys::SpawnRequest& request,
                     std::vector<std::string>& remarks) {
  request.oom_score_adjust = wanted;
  const std::optional<int> own = read_number("/proc/self/oom_score_adj");
  if (reach.resources || !own || wanted >= *own) return;
  // proc_pid_oom_score_adj(5): to lower it below what a privileged process set last needs
  // CAP_SYS_RESOURCE. Our own value is never below that.
  request.oom_score_adjust = own;
  remarks.push_back(fmt::format("OOMScoreAdjust={} cannot be set here; it is {}", wanted, *own));
}

}  // namespace

Reach own_reach() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0 || !in_initial_user_namespace()) return {};
  const auto has = [&](unsigned capability) {
    return (data[capability / 32].effective >> (capability % 32) & 1U) != 0;
  };
  return {has(CAP_SYS_RESOURCE), has(CAP_SYS_NICE)};
}

std::vector<std::string> apply_attainable(const unit::ExecSettings& exec, const Reach& reach,
                                          sys::SpawnRequest& request) {
  std::vector<std::string> remarks;
  apply_limits(exec, reach, request, remarks);
  if (exec.nice) apply_nice(*exec.nice, reach, request, remarks);
  if (exec.oom_score_adjust) apply_oom_score(*exec.oom_score_adjust, reach, request, remarks);
  return remarks;
}

}  // namespace nines::supervise
