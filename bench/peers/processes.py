"""Finding, timing and ending the processes that a bench started.

The bench is a child subreaper, so whatever a supervisor leaves behind becomes its child and is
found by its parent link; nothing is ever looked for by name.
"""

import ctypes
import os
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option, value):
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def become_subreaper():
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def spawn(argv, death_signal, **options):
    """Starts a program that gets `death_signal` when the bench dies, even by SIGKILL."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, death_signal),
        start_new_session=True,
        **options,
    )


def _stat_fields(pid):
    """/proc/PID/stat from the state on; None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def start_time(pid):
    fields = _stat_fields(pid)
    return int(fields[19]) if fields else None


def _is_zombie(pid):
    fields = _stat_fields(pid)
    return bool(fields) and fields[0] == b"Z"


def descendants(root):
    """All living processes below `root`, without it, as {pid: start time}."""
    children = {}
    started = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        fields = _stat_fields(name)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
            started[int(name)] = int(fields[19])
    found = {}
    todo = [root]
    while todo:
        for pid in children.get(todo.pop(), []):
            found[pid] = started[pid]
            todo.append(pid)
    return found


def marked(name, value):
    """Our own descendants that have NAME=VALUE in the environment they were started with."""
    needle = f"{name}={value}".encode()
    found = {}
    for pid, started in descendants(os.getpid()).items():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if needle in file.read().split(b"\0"):
                    found[pid] = started
        except OSError:
            pass
    return found


def _reap(pids):
    """Takes the exit status of adopted children, which nobody else waits for."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def end(processes, timeout_s=10.0):
    """SIGKILLs `processes` ({pid: start time}) and waits until all are gone."""
    deadline = time.monotonic() + timeout_s
    while True:
        alive = {p: s for p, s in processes.items() if start_time(p) == s}
        for pid in alive:
            if not _is_zombie(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        _reap(alive)
        processes = {p: s for p, s in alive.items() if start_time(p) == s}
        if not processes:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes did not end: {sorted(processes)}")
        time.sleep(0.005)


def end_all():
    """Ends everything that descends from the bench; repeats, since a supervisor restarts."""
    for _ in range(20):
        left = descendants(os.getpid())
        if not left:
            return
        end(left)


def is_program(pid, path):
    """True when `pid` runs the file `path`, in whatever mount namespace."""
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/exe"), os.stat(path))
    except OSError:
        return False


def rss_bytes(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def cpu_seconds(pid):
    """Time on a CPU of all threads; schedstat counts nanoseconds where stat counts ticks."""
    total_ns = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total_ns += int(file.read().split()[0])
        return total_ns / 1e9
    except FileNotFoundError:
        fields = _stat_fields(pid)
        if not fields:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
