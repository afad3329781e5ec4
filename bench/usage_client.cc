// What it costs to measure a unit: starts units with a listening socket, a file and some
// descriptors, each in a cgroup of its own where that is permitted, and measures all of them in
// turn.
//
//   usage_client UNITS PROCESSES ROUNDS   prints the microseconds for one unit: the first time,
//   with
//                                         the search; later ones, median and worst round
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "app/usage/usage.h"
#include "sys/cgroup.h"
#include "sys/test_child.h"

namespace {

using namespace nines;         // NOLINT(google-build-using-namespace): a program of one file
using namespace nines::usage;  // NOLINT(google-build-using-namespace)

constexpr int kDescriptors = 20;

int serve(const sys::Cgroup& cgroup, int ready) {
  for (const std::string& file : cgroup.procs_files()) {
    const UniqueFd procs(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    (void)!::write(procs.get(), "0", 1);
  }
  // What other units need is open here too.
  (void)::dup3(ready, STDERR_FILENO, O_CLOEXEC);
  ::closefrom(STDERR_FILENO + 1);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  (void)::listen(listener, 16);
  (void)::open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  for (int i = 0; i < kDescriptors; ++i) (void)::open("/dev/null", O_RDONLY | O_CLOEXEC);
  (void)!::write(STDERR_FILENO, "", 1);
  return sys::sleep_forever();
}

struct Unit {
  sys::Cgroup cgroup;
  std::vector<std::unique_ptr<sys::TestChild>> children;
  Measured measured;
  UnitCache cache;
};

double measure_all(std::vector<Unit>& units, BootTime now, HostCache& host) {
  const auto begin = std::chrono::steady_clock::now();
  std::size_t found = 0;
  for (Unit& unit : units) found += measure(unit.measured, now, host, unit.cache).usages.size();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  if (found == 0) std::exit(1);
  return took.count() / static_cast<double>(units.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: usage_client UNITS PROCESSES ROUNDS\n");
    return 2;
  }
  const auto tree =
      sys::CgroupTree::detect(fmt::format("nines-bench-{}", ::getpid()), {}, sys::MakeRoom::kNo);
  std::vector<Unit> units(static_cast<std::size_t>(std::max(1, std::atoi(argv[1]))));
  std::array<int, 2> ready{};
  if (::pipe2(ready.data(), O_CLOEXEC) != 0) return 1;
  for (std::size_t i = 0; i < units.size(); ++i) {
    Unit& unit = units[i];
    if (auto made = tree.unit(fmt::format("unit{}.service", i))) unit.cgroup = std::move(*made);
    (void)unit.cgroup.apply({.memory_max = 256_MiB, .tasks_max = std::uint64_t{100}});
    for (int process = 0; process < std::atoi(argv[2]); ++process) {
      unit.children.push_back(
          std::make_unique<sys::TestChild>([&] { return serve(unit.cgroup, ready[1]); }));
      unit.measured.processes.push_back(unit.children.back()->pid());
      char byte = 0;
      if (::read(ready[0], &byte, 1) != 1) return 1;
    }
    unit.measured.main = {unit.measured.processes.at(0)};
    unit.measured.cgroups = unit.cgroup.v1_paths();
    if (!unit.cgroup.v2_path().empty()) unit.measured.cgroups.push_back(unit.cgroup.v2_path());
  }

  HostCache host;
  BootTime now = boot_now();
  const double first = measure_all(units, now, host);
  std::vector<double> later;
  for (int i = 0; i < std::max(1, std::atoi(argv[3])); ++i) {
    // What is kept for a round is read anew, what is kept longer is not.
    now = now + kRound;
    later.push_back(measure_all(units, now, host));
  }
  std::sort(later.begin(), later.end());
  fmt::print("cgroups {}\nfirst {:.1f}\nmedian {:.1f}\nworst {:.1f}\n", tree.describe(), first,
             later[later.size() / 2], later.back());
  for (const Usage& usage : measure(units[0].measured, now, host, units[0].cache).usages) {
    fmt::print("  {:<8} {} of {}: {}\n", to_string(usage.resource), usage.value, usage.limit,
               usage.limited_by);
  }

  for (Unit& unit : units) {
    unit.children.clear();
    (void)sys::eventually([&] { return unit.cgroup.remove().has_value(); });
  }
  tree.cleanup();
  return 0;
}
