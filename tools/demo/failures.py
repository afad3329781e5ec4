"""Ten ways in which real servers go down."""

import errno
import os
import signal
import time
from dataclasses import dataclass
from typing import Callable

from clients import Resp

_REDIS_DATA = "/var/lib/redis"


@dataclass(frozen=True)
class Failure:
    application: str  # "redis" or "nginx"
    what: str  # for people
    inflict: Callable[[int], int]  # main process's pid -> when, in nanoseconds since boot


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def _now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _send(number):
    def inflict(pid):
        struck = _now()
        os.kill(pid, number)
        return struck

    return inflict


def _send_to_all(number):
    """To the main process first, so that it does not replace its workers."""

    def inflict(pid):
        workers = _children(pid)
        struck = _now()
        os.kill(pid, number)
        for worker in workers:
            try:
                os.kill(worker, number)
            except ProcessLookupError:
                pass
        return struck

    return inflict


def _wait_for_aof(connection):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        info = dict(line.split(":", 1) for line in
                    connection.ask("INFO", "persistence").decode().splitlines() if ":" in line)
        if info["aof_enabled"] == "1" and info["aof_rewrite_in_progress"] == "0":
            return
        time.sleep(0.01)
    raise TimeoutError("redis does not begin its append-only file")


def _fill(path):
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def _disk_full(_pid):
    """redis that was told to have every write on disk exits with 1 when the disk takes no more."""
    connection = Resp(timeout=5)
    connection.ask("CONFIG", "SET", "appendfsync", "always")
    connection.ask("CONFIG", "SET", "appendonly", "yes")
    _wait_for_aof(connection)
    ballast = os.path.join(_REDIS_DATA, "ballast")
    try:
        _fill(ballast)
        struck = _now()
        connection.ask("SET", "large", bytes(1 << 17))
    except ConnectionError:
        pass  # what we came for
    finally:
        os.unlink(ballast)
        connection.close()
    return struck


FAILURES = (
    Failure("redis", "SIGSEGV", _send(signal.SIGSEGV)),
    Failure("nginx", "SIGSEGV to the master", _send(signal.SIGSEGV)),
    Failure("redis", "SIGKILL", _send(signal.SIGKILL)),
    Failure("nginx", "SIGKILL to the master", _send(signal.SIGKILL)),
    Failure("redis", "SIGSTOP: hangs", _send(signal.SIGSTOP)),
    Failure("nginx", "SIGSTOP to all: hangs", _send_to_all(signal.SIGSTOP)),
    Failure("redis", "exit 1: disk full", _disk_full),
    Failure("nginx", "SIGTERM, not by us", _send(signal.SIGTERM)),
    Failure("redis", "SIGABRT", _send(signal.SIGABRT)),
    Failure("nginx", "SIGKILL to all", _send_to_all(signal.SIGKILL)),
)
