// Operating system, unplanned: does a panic leave a trace, and does the host come back by itself?
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "matrix/probes.h"

namespace nines::matrix {
namespace {

constexpr const char* kLoaded = "/sys/kernel/kexec_crash_loaded";
constexpr const char* kSize = "/sys/kernel/kexec_crash_size";
constexpr const char* kInstallKdump = "apt-get install kdump-tools";

/// What Red Hat reserves by default on x86_64, which is tested with real drivers; a smaller crash
/// kernel is known to run out of memory. @source kexec-tools, kdumpctl:
/// "1G-4G:192M,4G-64G:256M,64G-:512M"
Bytes wanted_reserve(Bytes memory) {
  if (memory.count < (std::uint64_t{4} << 30)) return 192_MiB;
  if (memory.count < (std::uint64_t{64} << 30)) return 256_MiB;
  return 512_MiB;
}

Bytes memory_total(const Host& host) {
  const std::string info = text_of(host, "/proc/meminfo").value_or("");
  const std::size_t at = info.find("MemTotal:");
  if (at == std::string::npos) return {};
  return Bytes{std::strtoull(info.c_str() + at + 9, nullptr, 10) << 10};
}

/// The newest dump that kdump has written: the only proof that it can.
/// @return its directory below /var/crash, or empty.
std::string last_dump(const Host& host) {
  std::string newest;
  for (const std::string& name : names_in(host, "/var/crash")) {
    // kdump-tools: YYYYMMDDHHMM; kdump-utils: 127.0.0.1-YYYY-MM-DD-HH:MM:SS
    const std::string directory = "/var/crash/" + name;
    for (const std::string& file : names_in(host, directory)) {
      const bool dump = (file.starts_with("dump.") || file.starts_with("vmcore")) &&
                        file.find("incomplete") == std::string::npos;
      if (dump) newest = std::max(newest, directory + "/" + file);
    }
  }
  return newest;
}

Finding kdump_loaded(const Host& host, const Bytes reserved) {
  const std::string dump = last_dump(host);
  const auto when =
      dump.empty() ? Result<UtcTime>(Error(ErrorCode::kNotFound, "dump")) : changed(host, dump);
  // A dump by an earlier kernel proves that kernel's setup.
  const std::string release = line_of(host, "/proc/sys/kernel/osrelease").value_or("");
  const auto installed = changed(host, "/boot/vmlinuz-" + release);
  const bool proved = when && (!installed || *installed < *when);
  const Bytes wanted = wanted_reserve(memory_total(host));
  Finding finding =
      fulfilled(kLoaded, fmt::format("loaded, {} reserved; ", to_string(reserved)), Weight::kMain);
  finding.said += !when ? "never proved: no dump below /var/crash"
                        : fmt::format("last proved {} by {}{}", to_iso8601(*when), shown(dump),
                                      proved ? "" : ", before this kernel was installed");
  if (reserved < wanted) {
    finding.state = State::kPartly;
    finding.said += fmt::format("; {} are advised for this memory", to_string(wanted));
    finding.reason = fmt::format("crash kernel may be too small: {}", to_string(reserved));
    finding.advice = fmt::format("boot with crashkernel={}M", wanted.count >> 20);
  } else if (!proved) {
    finding.state = State::kPartly;
    finding.reason = "kdump is loaded, not proved";
    finding.advice = "prove it in a maintenance window: echo c > /proc/sysrq-trigger";
  }
  return finding;
}

Finding kdump(const Host& host) {
  const auto loaded = number_of(host, kLoaded);
  if (!loaded && loaded.error().code() == ErrorCode::kNotFound) {
    return unmet(kLoaded, "absent: this kernel can load no crash kernel", State::kNo, Weight::kMain,
                 "no kdump in this kernel", "use a kernel with CONFIG_CRASH_DUMP=y");
  }
  if (!loaded) return unreadable(host, kLoaded, loaded.error(), Weight::kMain);
  const auto size = number_of(host, kSize);
  const Bytes reserved{static_cast<std::uint64_t>(size ? *size : 0)};
  if (reserved.count == 0 && size) {
    return unmet(kSize, "0: no memory is reserved", State::kNo, Weight::kMain, "no crash kernel",
                 fmt::format("{}, then reboot", kInstallKdump));
  }
  if (*loaded != 1) {
    return unmet(kLoaded, fmt::format("0, {} reserved", to_string(reserved)), State::kNo,
                 Weight::kMain, "crash kernel is not loaded",
                 has(host, "/usr/sbin/kdump-config") ? "kdump-config load" : kInstallKdump);
  }
  return kdump_loaded(host, reserved);
}

Finding pstore(const Host& host) {
  constexpr const char* kBackend = "/sys/module/pstore/parameters/backend";
  const auto backend = line_of(host, kBackend);
  if (!backend && backend.error().code() == ErrorCode::kDenied) {
    return unreadable(host, kBackend, backend.error(), Weight::kMain);
  }
  if (!backend || backend->empty() || *backend == "(null)") {
    return unmet(kBackend, backend ? "no back end is registered" : "absent", State::kNo,
                 Weight::kMain, "no pstore back end keeps the panic",
                 has(host, "/sys/firmware/efi")
                     ? driver_advice(host, "modprobe efi_pstore", "CONFIG_EFI_VARS_PSTORE=y")
                     : driver_advice(host, "modprobe ramoops, with memory reserved by memmap=",
                                     "CONFIG_PSTORE_RAM=y"));
  }
  const std::size_t records = names_in(host, "/sys/fs/pstore").size();
  std::string said = shown(*backend, 20);
  if (records > 0) {
    said += fmt::format("; {} of an earlier crash in /sys/fs/pstore",
                        count(records, "record", "records"));
  }
  // It keeps the last lines of the log, no memory.
  return fulfilled(kBackend, said, Weight::kMain);
}

struct Setting {
  const char* name;
  Weight weight;
  const char* reason;  ///< while it is 0
};

/// Each 0 here is a failure after which the host stands still until somebody comes.
/// @source Documentation/admin-guide/sysctl/kernel.rst
constexpr Setting kSettings[] = {
    {"panic_on_oops", Weight::kHelpful, "runs on after an oops"},
    {"watchdog", Weight::kHelpful, "lockups are not detected"},
    {"softlockup_panic", Weight::kHelpful, "a soft lockup hangs for ever"},
    {"nmi_watchdog", Weight::kHelpful, "hard lockups are not detected"},
    {"hardlockup_panic", Weight::kHelpful, "a hard lockup hangs for ever"},
    {"hung_task_panic", Weight::kNote, ""},
    {"panic_on_rcu_stall", Weight::kNote, ""},
    {"unknown_nmi_panic", Weight::kNote, ""},
    {"panic_on_unrecovered_nmi", Weight::kNote, ""},
};

Finding setting(const Host& host, const Setting& which) {
  const std::string path = fmt::format("/proc/sys/kernel/{}", which.name);
  const auto value = number_of(host, path);
  if (!value && value.error().code() != ErrorCode::kNotFound) {
    return unreadable(host, path, value.error(), which.weight);
  }
  if (!value) {
    return {path, "absent: not in this kernel", State::kNo, which.weight, which.reason, ""};
  }
  const std::string said = fmt::format("{}", *value);
  if (*value != 0) return {path, said, State::kYes, which.weight, "", ""};
  return {
      path,         said,
      State::kNo,   which.weight,
      which.reason, fmt::format("kernel.{}=1 in /etc/sysctl.d/, then sysctl --system", which.name),
  };
}

/// A loaded crash kernel restarts the host after the dump, whatever is set here.
/// @source Documentation/admin-guide/sysctl/kernel.rst, panic; kdump-tools(5)
Finding restart_after_panic(const Host& host, bool crash_kernel) {
  constexpr const char* kPanic = "/proc/sys/kernel/panic";
  const auto seconds = number_of(host, kPanic);
  if (!seconds) return unreadable(host, kPanic, seconds.error(), Weight::kMain);
  if (*seconds != 0) {
    return fulfilled(kPanic,
                     *seconds > 0 ? fmt::format("{}: restarts after {} s", *seconds, *seconds)
                                  : fmt::format("{}: restarts at once", *seconds),
                     Weight::kMain);
  }
  if (crash_kernel) {
    return fulfilled(kPanic, "0, but the crash kernel restarts the host", Weight::kMain);
  }
  return unmet(kPanic, "0: stays down for ever", State::kNo, Weight::kMain,
               "a panicked host stays down",
               "kernel.panic=10 in /etc/sysctl.d/, then sysctl --system");
}

Finding watchdog(const Host& host) {
  constexpr const char* kClass = "/sys/class/watchdog";
  const std::vector<std::string> devices = names_in(host, kClass);
  if (devices.empty()) {
    return unmet(kClass, "no device", State::kNo, Weight::kHelpful, "no watchdog device",
                 host.machine.virtual_machine
                     ? "give the machine one, where its hypervisor can (QEMU: -device i6300esb)"
                     : driver_advice(host, "modprobe the board's driver, or softdog",
                                     "the board's driver, or CONFIG_SOFT_WATCHDOG=y"));
  }
  const std::string directory = fmt::format("{}/{}", kClass, devices.front());
  const std::string identity = shown(line_of(host, directory + "/identity").value_or("?"), 40);
  const auto state = line_of(host, directory + "/state");
  const std::string timeout = shown(line_of(host, directory + "/timeout").value_or("?"), 10);
  std::string said =
      fmt::format("{}: {}, {} s", identity, state ? shown(*state, 12) : "state not told", timeout);
  if (const auto status = number_of(host, directory + "/bootstatus"); status && *status != 0) {
    said += "; it caused the last restart";
  }
  if (!state) {
    return unmet(directory, said, State::kUnknown, Weight::kHelpful, "watchdog's state is not told",
                 "");
  }
  if (*state != "active") {
    return unmet(directory, said, State::kNo, Weight::kHelpful, "nobody feeds the watchdog",
                 "RuntimeWatchdogSec=30s in /etc/systemd/system.conf");
  }
  if (identity == "Software Watchdog") {
    return unmet(directory, said, State::kPartly, Weight::kHelpful, "only a software watchdog",
                 "enable the board's own watchdog");
  }
  return fulfilled(directory, said, Weight::kHelpful);
}

}  // namespace

CellReport probe_os_unplanned(const Host& host) {
  std::vector<Finding> findings = host_findings(host, "kernel");
  // In this order: of equal weight the first that is wrong becomes the reason.
  Finding dump = kdump(host);
  const bool crash_kernel = dump.state == State::kYes || dump.state == State::kPartly;
  findings.push_back(restart_after_panic(host, crash_kernel));
  findings.push_back(std::move(dump));
  findings.push_back(pstore(host));
  for (const Setting& which : kSettings) findings.push_back(setting(host, which));
  findings.push_back(watchdog(host));
  return conclude(ledger::Cell::kOsUnplanned, std::move(findings),
                  "panics are kept, the host restarts");
}

}  // namespace nines::matrix
