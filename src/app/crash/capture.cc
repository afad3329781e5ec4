#include "app/crash/capture.h"

#include <fmt/format.h>

#include <fcntl.h>

#include "app/crash/core_stream.h"
#include "app/crash/essential_memory.h"
#include "app/crash/facts.h"
#include "app/crash/minimal_core.h"
#include "app/crash/process_memory.h"
#include "base/fault_point.h"
#include "sys/file.h"

namespace nines::crash {
namespace {

constexpr mode_t kForUsAlone = 0600;  // a core holds keys

Result<std::uint64_t> write_core(const std::string& path, const CoreStart& start,
                                 const ReadMemory& read) {
  NINES_ASSIGN(const UniqueFd file,
               sys::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kForUsAlone));
  return write_minimal_core(
      start.bytes, start.head, essential_memory(start.head, read), read,
      [&](std::string_view bytes) { return sys::write_all(file.get(), bytes, "the core"); });
}

/// One that is killed loses it before its end is told; /proc is silent about the rest from then on.
/// @source proc_pid_statm(5): all zeros without
bool has_memory(pid_t pid) {
  const auto pages = sys::read_file(fmt::format("/proc/{}/statm", pid));
  return pages && !pages->starts_with("0 ");
}

}  // namespace

Result<Bytes> capture(const Victim& victim, const CoreStart& start, const std::string& directory,
                      KeepMemory memory) {
  Bytes kept;
  if (memory == KeepMemory::kEssential) {
    NINES_ASSIGN(const ProcessMemory of_it, ProcessMemory::open(victim.process, victim.pid));
    NINES_ASSIGN(kept.count, write_core(directory + "/core", start,
                                        [&](std::uint64_t address, std::size_t most) {
                                          return of_it.read(address, most);
                                        }));
  }
  NINES_TRY(fault::hit(FaultPoint::crash_core_written));
  const std::string facts = facts_of(start.head, victim.pid, victim.by_owner);
  // It was there all the time, and its memory too: what /proc told was of it, all of it, and of no
  // successor of its pid.
  if (!has_memory(victim.pid) || victim.process.has_exited()) {
    return Error(ErrorCode::kGone, "capture process", std::to_string(victim.pid))
        .with_detail("it was killed while it was being looked at");
  }
  NINES_TRY(sys::replace_file(directory + "/facts.json", facts, kForUsAlone));
  NINES_TRY(fault::hit(FaultPoint::crash_facts_written));
  return kept;
}

}  // namespace nines::crash
