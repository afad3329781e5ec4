"""Private namespaces: own processes, own loopback, own /run and /var/lib/redis.

In there redis and nginx may have their usual ports and directories whatever the host runs, and when
the first process of the sandbox ends, for whatever reason, the kernel ends all others in it.
"""

import ctypes
import fcntl
import grp
import os
import pwd
import signal
import socket
import struct
import sys
import traceback

_CLONE_NEWNS = 0x00020000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_REC_PRIVATE = 0x4000 | (1 << 18)
_PR_SET_PDEATHSIG = 1
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1

# path: (owner, group, mode, size); the owners are those of Debian's packages.
_FRESH = {
    "/run": ("root", "root", "755", "64m"),
    "/var/lib/redis": ("redis", "redis", "750", "32m"),
    "/var/log/redis": ("redis", "adm", "2750", "16m"),
    "/var/lib/nginx": ("root", "root", "755", "16m"),
    "/var/log/nginx": ("root", "adm", "755", "16m"),
    "/etc/nginx/conf.d": ("root", "root", "755", "1m"),
    "/etc/nginx/sites-enabled": ("root", "root", "755", "1m"),
}

_libc = ctypes.CDLL(None, use_errno=True)


class NotPermitted(Exception):
    """Namespaces cannot be made here."""


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def _mount(source, target, kind, flags, data=None):
    arguments = [x.encode() if x else None for x in (source, target, kind)]
    result = _libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() if data else None)
    _check(result, f"mount {target}")


def _bring_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def _mount_all():
    _mount("none", "/", None, _MS_REC_PRIVATE)
    _mount("proc", "/proc", "proc", 0)
    for path, (user, group, mode, size) in _FRESH.items():
        uid, gid = pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
        _mount("tmpfs", path, "tmpfs", 0, f"size={size},mode={mode},uid={uid},gid={gid}")
    _bring_loopback_up()


def _inside(body, parent):
    # Ctrl-C reaches us through the process outside alone, and so only once.
    os.setsid()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.read(parent, 1) != b"g":
        os._exit(1)
    status = 1
    try:
        _mount_all()
        status = body()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # the child of a fork has nobody above it who would print this
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def run(body):
    """Runs `body` as the first process of new namespaces. @return its exit code.

    Raises NotPermitted where the kernel, or what confines this container, forbids it.
    """
    if _libc.unshare(_CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET) != 0:
        raise NotPermitted(os.strerror(ctypes.get_errno()))
    sys.stdout.flush()
    # The child waits for a byte: a parent that is gone by then can send none, whereas a death
    # signal that is asked for too late never comes.
    gate_out, gate_in = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(gate_in)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        _inside(body, gate_out)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: os.kill(child, received))
    os.write(gate_in, b"g")
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
