#include "app/supervise/init_units.h"

#include <algorithm>
#include <array>

namespace nines::supervise {
namespace {

/// @source systemd.special(7); sorted
constexpr std::array<std::string_view, 81> kSpecial = {
    "basic.target",
    "bluetooth.target",
    "boot-complete.target",
    "cryptsetup-pre.target",
    "cryptsetup.target",
    "ctrl-alt-del.target",
    "dbus-broker.service",
    "dbus.service",
    "dbus.socket",
    "default.target",
    "emergency.target",
    "exit.target",
    "factory-reset.target",
    "final.target",
    "first-boot-complete.target",
    "getty-pre.target",
    "getty.target",
    "graphical-session-pre.target",
    "graphical-session.target",
    "graphical.target",
    "halt.target",
    "hibernate.target",
    "hybrid-sleep.target",
    "initrd-fs.target",
    "initrd-root-device.target",
    "initrd-root-fs.target",
    "initrd-switch-root.target",
    "initrd-usr-fs.target",
    "initrd.target",
    "integritysetup-pre.target",
    "integritysetup.target",
    "kbrequest.target",
    "kexec.target",
    "local-fs-pre.target",
    "local-fs.target",
    "machines.target",
    "multi-user.target",
    "network-online.target",
    "network-pre.target",
    "network.target",
    "nss-lookup.target",
    "nss-user-lookup.target",
    "paths.target",
    "poweroff.target",
    "printer.target",
    "reboot.target",
    "remote-cryptsetup.target",
    "remote-fs-pre.target",
    "remote-fs.target",
    "remote-veritysetup.target",
    "rescue.target",
    "rpcbind.target",
    "runlevel0.target",
    "runlevel1.target",
    "runlevel2.target",
    "runlevel3.target",
    "runlevel4.target",
    "runlevel5.target",
    "runlevel6.target",
    "shutdown.target",
    "sigpwr.target",
    "sleep.target",
    "slices.target",
    "smartcard.target",
    "sockets.target",
    "soft-reboot.target",
    "sound.target",
    "suspend-then-hibernate.target",
    "suspend.target",
    "swap.target",
    "sysinit.target",
    "system-update-pre.target",
    "system-update.target",
    "time-set.target",
    "time-sync.target",
    "timers.target",
    "umount.target",
    "usb-gadget.target",
    "veritysetup-pre.target",
    "veritysetup.target",
    "xdg-desktop-autostart.target",
};
static_assert(std::is_sorted(kSpecial.begin(), kSpecial.end()));

constexpr std::array<std::string_view, 6> kKindsOfInit = {".mount", ".automount", ".swap",
                                                          ".slice", ".device",    ".scope"};

}  // namespace

bool belongs_to_init(std::string_view unit_name) {
  if (std::binary_search(kSpecial.begin(), kSpecial.end(), unit_name)) return true;
  if (unit_name.starts_with("systemd-") || unit_name.starts_with("blockdev@")) return true;
  return std::any_of(kKindsOfInit.begin(), kKindsOfInit.end(),
                     [&](std::string_view kind) { return unit_name.ends_with(kind); });
}

bool reached_without_file(std::string_view unit_name) {
  return unit_name.ends_with(".target") || belongs_to_init(unit_name);
}

}  // namespace nines::supervise
