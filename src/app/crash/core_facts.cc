#include "app/crash/core_facts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <charconv>

#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's
#include "sys/key_number.h"
#include "sys/procfs.h"

namespace nines::crash {
namespace {

using sys::number_of;

/// "max", and v1's way to say so, are no number below this.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;

std::optional<std::uint64_t> number_in(const std::string& path) {
  const auto text = sys::read_file(path, Bytes{64 << 10});
  std::uint64_t value = 0;
  if (!text ||
      std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc()) {
    return std::nullopt;
  }
  return value;
}

/// What is left in one cgroup; nothing: no limit, or no such files.
std::optional<std::uint64_t> left_in(const std::string& directory, bool v2) {
  const auto limit = number_in(directory + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
  const auto used = number_in(directory + (v2 ? "/memory.current" : "/memory.usage_in_bytes"));
  if (!limit || !used || *limit >= kNoLimit) return std::nullopt;
  std::uint64_t files = 0;
  if (const auto stat = sys::read_file(directory + "/memory.stat", Bytes{64 << 10})) {
    for (const std::string_view name : {"inactive_file", "active_file"}) {
      files += number_of(*stat, v2 ? std::string(name) : "total_" + std::string(name)).value_or(0);
    }
  }
  const std::uint64_t taken = *used > files ? *used - files : 0;
  return *limit > taken ? *limit - taken : 0;
}

void narrow(std::optional<std::uint64_t>* least, std::optional<std::uint64_t> to) {
  if (to) *least = std::min(least->value_or(*to), *to);
}

}  // namespace

Result<Bytes> memory_of(pid_t pid, const sys::HostRoot& root) {
  NINES_ASSIGN(const std::string text,
               sys::read_file(root.path(fmt::format("/proc/{}/status", pid)), Bytes{64 << 10}));
  const auto resident = number_of(text, "VmRSS");
  if (!resident) return Error(ErrorCode::kCorrupt, "read the memory of a process");
  return Bytes{(*resident + number_of(text, "VmSwap").value_or(0)) << 10};
}

std::optional<Bytes> headroom_of(pid_t pid, const sys::HostRoot& root) {
  std::optional<std::uint64_t> least;
  if (const auto host = sys::read_file(root.path("/proc/meminfo"), Bytes{64 << 10})) {
    if (const auto kib = number_of(*host, "MemAvailable")) least = *kib << 10;
  }
  const auto memberships = sys::Procfs(root).cgroups(pid);
  if (memberships) {
    for (const sys::CgroupMembership& one : *memberships) {
      const bool v2 = one.controllers.empty();
      if (!v2 && one.controllers.find("memory") == std::string::npos) continue;
      const std::string mount = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
      // Each of those above has a limit of its own.
      for (std::string path = one.path; path.size() > 1; path.resize(path.rfind('/'))) {
        narrow(&least, left_in(root.path(mount + path), v2));
        if (v2) narrow(&least, left_in(root.path(mount + "/unified" + path), v2));
      }
    }
  }
  if (!least) return std::nullopt;
  return Bytes{*least};
}

UniqueFd take_writer(const std::string& state) {
  for (int i = 0; i < kWholeCoresAtOnce; ++i) {
    auto file = sys::open_file(fmt::format("{}/crash-writer-{}", state, i),
                               O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (file && ::flock(file->get(), LOCK_EX | LOCK_NB) == 0) return std::move(*file);
  }
  return {};
}

CoreFacts core_facts(pid_t pid, const std::string& store, const StoreLimits& limits) {
  CoreFacts facts;
  facts.memory = memory_of(pid).value_or(Bytes{});
  facts.headroom = headroom_of(pid);
  facts.store_total = limits.total;
  const StoreUse use = use_of(store);
  facts.store_room.count = room_in(store, limits).value_or(Bytes{}).count + use.total.count;
  facts.recent_count = use.recent_whole_cores;
  facts.recent_bytes = use.recent_whole_bytes;
  return facts;
}

}  // namespace nines::crash
