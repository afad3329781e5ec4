// Operating system, proactive: can this kernel be patched while it runs, and is it?
#include <fmt/format.h>

#include "matrix/probes.h"

namespace nines::matrix {
namespace {

constexpr const char* kLivepatch = "/sys/kernel/livepatch";
constexpr const char* kNoPackage = "build kpatch: github.com/dynup/kpatch (Debian has no package)";

/// The kernel makes the directory whenever livepatching is built in, with or without patches.
/// @source kernel/livepatch/core.c, klp_init()
Finding support(const Host& host) {
  if (has(host, kLivepatch)) {
    return fulfilled(kLivepatch, "this kernel can be patched", Weight::kRequired);
  }
  if (!has(host, "/sys/kernel")) {
    return unmet(kLivepatch, "no /sys here", State::kUnknown, Weight::kRequired,
                 "no /sys to look into", "");
  }
  return unmet(kLivepatch, "absent: built without CONFIG_LIVEPATCH", State::kBarred,
               Weight::kRequired, "kernel without livepatch support",
               "boot a kernel with CONFIG_LIVEPATCH=y");
}

Finding modules(const Host& host) {
  constexpr const char* kDisabled = "/proc/sys/kernel/modules_disabled";
  const auto disabled = number_of(host, kDisabled);
  if (!disabled && disabled.error().code() == ErrorCode::kNotFound) {
    return unmet(kDisabled, "absent: this kernel loads no modules", State::kBarred,
                 Weight::kRequired, "this kernel loads no modules",
                 "boot a kernel with CONFIG_MODULES=y");
  }
  if (!disabled) return unreadable(host, kDisabled, disabled.error(), Weight::kRequired);
  if (*disabled != 0) {
    return unmet(kDisabled, "1: no module can be loaded until the next boot", State::kBarred,
                 Weight::kRequired, "module loading is disabled",
                 "reboot without nomodule and kernel.modules_disabled=1");
  }
  return fulfilled(kDisabled, "0", Weight::kRequired);
}

Finding signatures(const Host& host) {
  constexpr const char* kLockdown = "/sys/kernel/security/lockdown";
  constexpr const char* kEnforce = "/sys/module/module/parameters/sig_enforce";
  // "none [integrity] confidentiality". @source kernel_lockdown(7)
  const std::string lockdown = line_of(host, kLockdown).value_or("");
  const bool locked = lockdown.find("[integrity]") != std::string::npos ||
                      lockdown.find("[confidentiality]") != std::string::npos;
  const bool enforced = line_of(host, kEnforce).value_or("") == "Y";
  if (locked || enforced) {
    return unmet(locked ? kLockdown : kEnforce, locked ? shown(lockdown) : "Y", State::kPartly,
                 Weight::kHelpful, "only signed patches can be loaded",
                 "enrol a key: mokutil --import, and sign the patch modules");
  }
  return fulfilled(lockdown.empty() ? kEnforce : kLockdown, "unsigned modules may be loaded",
                   Weight::kHelpful);
}

struct Patches {
  std::vector<std::string> loaded, disabled, moving;
};

Patches look_at_patches(const Host& host) {
  Patches patches;
  for (const std::string& name : names_in(host, kLivepatch)) {
    const std::string directory = fmt::format("{}/{}", kLivepatch, name);
    const std::string safe = shown(name, 40);
    if (line_of(host, directory + "/transition").value_or("0") == "1") {
      patches.moving.push_back(safe);
    } else if (line_of(host, directory + "/enabled").value_or("0") == "1") {
      patches.loaded.push_back(safe);
    } else {
      patches.disabled.push_back(safe);
    }
  }
  return patches;
}

Finding loaded(const Patches& patches) {
  if (!patches.moving.empty()) {
    return unmet(kLivepatch, "in transition: " + listed(patches.moving), State::kPartly,
                 Weight::kHelpful, "a patch is stuck in transition or switching",
                 "grep -l 0 /proc/*/patch_state names the tasks that hold it up");
  }
  if (!patches.disabled.empty()) {
    return unmet(kLivepatch, "disabled: " + listed(patches.disabled), State::kPartly,
                 Weight::kHelpful, "a loaded patch is disabled",
                 fmt::format("echo 1 > {}/{}/enabled", kLivepatch, patches.disabled.front()));
  }
  if (patches.loaded.empty()) return fulfilled(kLivepatch, "no patch is loaded", Weight::kNote);
  return fulfilled(kLivepatch, "enabled: " + listed(patches.loaded), Weight::kNote);
}

/// Whether kpatch-build refuses this kernel. @source kpatch pull request 1411
bool has_ibt(const Host& host) {
  const std::string release = line_of(host, "/proc/sys/kernel/osrelease").value_or("");
  const std::string config = text_of(host, "/boot/config-" + release).value_or("");
  return config.find("\nCONFIG_X86_KERNEL_IBT=y") != std::string::npos;
}

Finding source_of_patches(const Host& host, bool some_loaded) {
  for (const char* name :
       {"kpatch-build", "kpatch", "canonical-livepatch", "kgraft", "klp-build"}) {
    const std::string path = program(host, name);
    if (path.empty()) continue;
    if (std::string_view(name) == "kpatch-build" && has_ibt(host)) {
      return unmet(path,
                   "installed, but it refuses kernels with CONFIG_X86_KERNEL_IBT=y, as this one",
                   State::kPartly, Weight::kRequired, "kpatch-build refuses this kernel", "");
    }
    return fulfilled(path, "installed", Weight::kRequired);
  }
  if (some_loaded) {
    return unmet(kLivepatch, "no tool is installed, but patches are loaded", State::kPartly,
                 Weight::kRequired, "patched, but no tool for the next", kNoPackage);
  }
  return unmet("kpatch, canonical-livepatch", "not installed", State::kNo, Weight::kRequired,
               "nothing here loads kernel patches", kNoPackage);
}

}  // namespace

CellReport probe_os_proactive(const Host& host) {
  std::vector<Finding> findings = host_findings(host, "kernel");
  findings.push_back(support(host));
  findings.push_back(modules(host));
  const Patches patches = look_at_patches(host);
  findings.push_back(source_of_patches(host, !patches.loaded.empty() || !patches.moving.empty()));
  findings.push_back(signatures(host));
  findings.push_back(loaded(patches));
  return conclude(ledger::Cell::kOsProactive, std::move(findings), "patches can be loaded");
}

}  // namespace nines::matrix
