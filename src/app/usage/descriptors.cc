// Open descriptors of each process against its own limit.
#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "app/usage/round.h"

namespace nines::usage {
namespace {

/// Where each descriptor must be counted, so many are not counted each time.
constexpr double kManyDescriptors = 4096;

std::optional<double> count_entries(Round& round, const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) {
    round.failed(Error::from_errno(errno, "open directory", path));
    return std::nullopt;
  }
  double count = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') ++count;  // all but "." and ".." are numbers
  }
  return count;
}

std::optional<double> count_of(Round& round, ProcessFacts& facts) {
  const std::string path = round.proc(facts.pid, "fd");
  if (round.host.directory_size_counts_descriptors()) {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0) return static_cast<double>(info.st_size);
    round.failed(Error::from_errno(errno, "stat", path));
    return std::nullopt;
  }
  if (facts.descriptors >= kManyDescriptors && round.now < facts.descriptors_until) {
    return facts.descriptors;
  }
  const auto count = count_entries(round, path);
  facts.descriptors = count.value_or(0);
  facts.descriptors_until = round.now + kRefresh;
  return count;
}

}  // namespace

void measure_descriptors(Round& round) {
  Tightest tightest;
  for (ProcessFacts& facts : round.unit.processes) {
    const auto count = count_of(round, facts);
    if (!count) continue;
    tightest.offer({Resource::kFds, fmt::format("RLIMIT_NOFILE of {}", facts.pid), *count,
                    facts.limits.descriptors, Scope::kProcess});
  }
  std::move(tightest).add_to(round);
}

}  // namespace nines::usage
