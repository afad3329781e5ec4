// For tests only: a host with processes and cgroups in a temporary directory.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "app/usage/usage.h"
#include "sys/test_directory.h"

namespace nines::usage {

struct TestProcess {
  std::string descriptors_limit = "1024";
  std::string tasks_limit = "unlimited";
  std::string address_space_limit = "unlimited";
  int user = 1000;
  int resident_KiB = 100;
  int swap_KiB = 0;
  int size_KiB = 1000;
  int threads = 1;
  std::string capabilities = "0000000000000000";
};

class TestHost {
 public:
  TestHost() : cache_(sys::HostRoot(root_.path())) {
    available_KiB(1000);
    tasks(100);
    root_.write("proc/sys/kernel/threads-max", "5000\n");
    root_.write("proc/sys/kernel/pid_max", "4000\n");
  }

  void write(const std::string& name, const std::string& text) const { root_.write(name, text); }
  void remove(const std::string& name) const {
    std::filesystem::remove_all(root_.path() + "/" + name);
  }
  /// A path as Measured has it.
  std::string path(const std::string& absolute) const { return root_.path() + absolute; }

  void available_KiB(int amount) const {
    write("proc/meminfo", fmt::format("MemFree: 7 kB\nMemAvailable:   {} kB\n", amount));
  }
  void tasks(int number) const { write("proc/loadavg", fmt::format("0.1 0.2 0.3 1/{} 7", number)); }

  void process(int pid, const TestProcess& is = {}) const {
    const std::string directory = fmt::format("proc/{}/", pid);
    write(directory + "limits",
          fmt::format("Max open files            {}   4096    files\n"
                      "Max processes             {}   9999    processes\n"
                      "Max address space         {}   unlimited   bytes\n",
                      is.descriptors_limit, is.tasks_limit, is.address_space_limit));
    write(directory + "status",
          fmt::format("Name:\tx\nUid:\t{0}\t{0}\t{0}\t{0}\nVmSize:\t{1} kB\nVmRSS:\t{2} kB\n"
                      "VmSwap:\t{3} kB\nCapEff:\t{4}\n",
                      is.user, is.size_KiB, is.resident_KiB, is.swap_KiB, is.capabilities));
    for (int i = 0; i < is.threads; ++i) {
      write(fmt::format("{}task/{}/comm", directory, pid + i), "x\n");
    }
    std::filesystem::create_directories(root_.path() + "/" + directory + "fd");
  }

  /// A cgroup of the v2 hierarchy. @param max, high  as in the files.
  void v2(const std::string& path, long used, const std::string& max = "max",
          const std::string& high = "max", const std::string& stat = "") const {
    write(path + "/cgroup.procs", "");
    write(path + "/memory.current", std::to_string(used) + "\n");
    write(path + "/memory.max", max + "\n");
    write(path + "/memory.high", high + "\n");
    write(path + "/memory.stat", "anon 5\n" + stat);
  }
  void v1(const std::string& path, long used, const std::string& limit,
          const std::string& stat = "") const {
    write(path + "/cgroup.procs", "");
    write(path + "/memory.usage_in_bytes", std::to_string(used) + "\n");
    write(path + "/memory.limit_in_bytes", limit + "\n");
    write(path + "/memory.stat", "rss 5\n" + stat);
  }
  void pids(const std::string& path, int current, const std::string& max) const {
    write(path + "/cgroup.procs", "");
    write(path + "/pids.current", std::to_string(current) + "\n");
    write(path + "/pids.max", max + "\n");
  }

  /// Measures later than the last time by more than anything is kept.
  Measurement measure(const Measured& measured) {
    return measure_after(std::chrono::hours(1), measured);
  }
  Measurement measure_after(Nanoseconds pause, const Measured& measured) {
    now_ = now_ + pause;
    return usage::measure(measured, now_, cache_, unit_);
  }

 private:
  sys::TestDirectory root_;
  HostCache cache_;
  UnitCache unit_;
  BootTime now_;
};

/// @return the usage that `limited_by` names, exactly, or one that no test expects.
inline Usage usage_of(const Measurement& measured, const std::string& limited_by) {
  for (const Usage& usage : measured.usages) {
    if (usage.limited_by == limited_by) return usage;
  }
  std::string all;
  for (const Usage& usage : measured.usages) all += "\n  " + usage.limited_by;
  ADD_FAILURE() << "nothing is limited by " << limited_by << " but" << all;
  return {Resource::kMemory, "", -1, -1};
}

/// @return what limits a resource, in the order of the measurement.
inline std::vector<std::string> limits_of(const Measurement& measured, Resource resource) {
  std::vector<std::string> names;
  for (const Usage& usage : measured.usages) {
    if (usage.resource == resource) names.push_back(usage.limited_by);
  }
  return names;
}

}  // namespace nines::usage
