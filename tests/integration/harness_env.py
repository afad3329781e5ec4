"""Surroundings that only some tests need: namespaces of their own, another user, small disks.

A namespace is entered by running the test file again inside it (inside()), so that whatever it mounts
or breaks goes with its processes.
"""

import ctypes
import functools
import os
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

import harness

_CLONE_NEWNS = 0x00020000
_MS_REC_PRIVATE = 0x4000 | 0x40000
_libc = ctypes.CDLL(None, use_errno=True)
# Any uid without an account will do, and one without processes of others is the better choice.
ORDINARY_UID = 54321


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")


def in_own_mounts(test):
    """Decorator: the test method runs in a child with a mount namespace of its own, so that what it
    mounts is seen by nobody else and is gone when the last process in there ends."""
    @functools.wraps(test)
    def wrapper(self):
        need_root()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                if _libc.unshare(_CLONE_NEWNS) != 0 or _libc.mount(
                        b"none", b"/", None, _MS_REC_PRIVATE, None) != 0:
                    raise OSError(ctypes.get_errno(), "mount namespace")
                case = type(self)(self._testMethodName)
                setattr(case, self._testMethodName, lambda: test(case))
                result = unittest.TextTestRunner(verbosity=0).run(case)
                code = 77 if result.skipped else int(not result.wasSuccessful())
            finally:
                _remove(case.daemon.home)
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == 77:
            raise unittest.SkipTest("said by the child above")
        self.assertEqual(code, 0, "the test failed in its own mounts; see above")
    return wrapper


def _remove(home):
    """A directory with mounts below it, of which Daemon.close() could remove only the rest."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        where = line.split()[1]
        if where.startswith(str(home) + "/"):
            _libc.umount2(where.encode(), 2)  # MNT_DETACH
    shutil.rmtree(home, ignore_errors=True)


def mount(kind, where, options=""):
    if _libc.mount(b"none", str(where).encode(), kind.encode(), 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {kind} on {where}")


def tmpfs(where, size="4m", mode="755"):
    Path(where).mkdir(parents=True, exist_ok=True)
    mount("tmpfs", where, f"size={size},mode={mode}")


def fill(path):
    """Writes until the file system at `path` is full; remove the file to get space again."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for size in (65536, 4096, 1):
            try:
                while True:
                    os.write(fd, b"\0" * size)
            except OSError as error:
                if error.errno != 28:
                    raise
    finally:
        os.close(fd)


def run_daemon(*arguments, prefix=(), env=None, timeout_s=60, **options):
    """ninesd in the foreground until it ends. @return CompletedProcess with text."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NINES_")}
    environment.update(env or {})
    return subprocess.run([*prefix, harness.binary("ninesd"), *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout_s, env=environment, **options)


def as_ordinary_user():
    """Words that run a program as a user who is not root and has no groups."""
    need_root()
    setpriv = harness.need_program("setpriv")
    return [setpriv, f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}", "--clear-groups"]


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


def zombies_of(pid):
    """Pids of its children that are dead and not reaped."""
    found = []
    for child in harness.all_pids():
        try:
            fields = Path(f"/proc/{child}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] == b"Z" and int(fields[1]) == pid:
            found.append(child)
    return found


def stop_process(process):
    """SIGKILL to a Popen and waits for it."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
