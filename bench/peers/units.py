"""The unit files that systemd and nines are given: the same ones, but for the [X-Nines] section."""

import shlex


def service(command, install="", nines=""):
    # Nothing but the restart policy: every further directive would cost time at each exec.
    return (
        "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n\n"
        f"[Service]\nExecStart={shlex.join(command)}\nRestart=always\nRestartSec=0\n"
        f"{install}\n{nines}"
    )


def socket(port):
    return (
        "[Unit]\nDefaultDependencies=no\n\n"
        f"[Socket]\nListenStream=127.0.0.1:{port}\n"
        "TriggerLimitIntervalSec=0\n"
    )
