// What the probes look at: files below a HostRoot, a few commands, and facts that several cells
// share.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/updates/security_updates.h"
#include "base/result.h"
#include "base/types.h"
#include "matrix/commands.h"
#include "matrix/unit_facts.h"
#include "sys/host_root.h"

namespace nines::matrix {

/// The machine as seen from here.
struct Machine {
  bool container = false;       ///< our kernel, or part of it, is somebody else's to configure
  std::string container_proof;  ///< what says so
  bool virtual_machine = false;
  std::string hypervisor;  ///< "QEMU", or "an unnamed hypervisor"; empty on bare metal
  std::string hypervisor_proof;
};

/// Who looks.
struct Viewer {
  std::uint32_t uid = 0;
  std::uint64_t capabilities = 0;  ///< effective ones, bit n = capability n
  int seccomp = 0;                 ///< 0: none, 1: strict, 2: filter
  bool root() const { return uid == 0; }
  bool has(int capability) const { return (capabilities >> capability & 1) != 0; }
};

/// Everything a probe may ask. Probes are pure over it.
struct Host {
  sys::HostRoot root;
  Commands* commands = nullptr;                    ///< never null while probing
  std::chrono::steady_clock::time_point deadline;  ///< long scans end here and say so
  std::string updates_helper;                      ///< path of nines-updates; empty: none
  std::vector<UnitFacts> units;                    ///< that nines or systemd looks after
  std::string units_unknown;                       ///< why `units` may not be all; empty: they are
  Machine machine;
  Viewer viewer;
};

/// A file's first line without blanks around it.
/// @errors kNotFound, kDenied ... as sys::read_file.
Result<std::string> line_of(const Host& host, std::string_view path);
/// A whole file, up to 1 MiB.
Result<std::string> text_of(const Host& host, std::string_view path);
/// A file that holds one number. @errors as line_of(); kCorrupt.
Result<std::int64_t> number_of(const Host& host, std::string_view path);
/// The target of a symbolic link. @errors kNotFound, kDenied ...
Result<std::string> link_of(const Host& host, std::string_view path);
/// Names in a directory, sorted; none where it is not there or not for us.
std::vector<std::string> names_in(const Host& host, std::string_view path);
bool has(const Host& host, std::string_view path);
/// The path of a program in the usual directories; empty: not installed.
std::string program(const Host& host, std::string_view name);
/// Whether a process with that comm runs; nothing where /proc hides other users' processes from us.
/// @source proc_pid_comm(5); proc(5), hidepid=
std::optional<bool> runs(const Host& host, std::string_view comm);
/// Whether /proc shows us every process.
bool sees_all_processes(const Host& host);
/// When it last changed. @errors kNotFound, kDenied ...
Result<UtcTime> changed(const Host& host, std::string_view path);

/// One line: control characters shown as \xNN, at most `most` bytes. For what others wrote.
std::string shown(std::string_view text, std::size_t most = 100);
/// "1 unit", "3 units".
std::string count(std::size_t n, std::string_view one, std::string_view many);
/// "a, b, c and 4 more".
std::string listed(const std::vector<std::string>& names, std::size_t most = 4);

Viewer look_at_viewer(const Host& host);
Machine look_at_machine(const Host& host);

/// Pending security updates by the helper, which two cells ask for. @errors kNotFound: no package
/// database that we can read; kTimeout; kInternal: no helper, or it failed.
Result<updates::PendingUpdates> pending_updates(const Host& host);
Command updates_command(const Host& host);

}  // namespace nines::matrix
