"""Somebody who knows nothing of nines and asks redis PING every few milliseconds: how long it was down
is what a client sees, and what the ledger must say too."""

import json
import os
import signal
import time

from clients import Resp

_PAUSE_S = 0.002
_TIMEOUT_S = 5.0
# A server that is stopped and then told to end may answer before it does, with a thread that the
# signal did not go to. Nobody has been served by that.
_LATE_S = 0.5


class Outages:
    """From the start of the first request that failed to the next answer."""

    def __init__(self):
        self.lengths_s = []
        self._since = None

    def failed(self, began):
        if self._since is None:
            self._since = began

    def answered(self, now):
        if self._since is not None:
            self.lengths_s.append(now - self._since)
            self._since = None


def _watch(report, done):
    connection = None
    outages = Outages()
    while not done():
        began = time.monotonic()
        try:
            if connection is None:
                connection = Resp(timeout=_TIMEOUT_S)
            if connection.ask("PING") != b"+PONG":
                raise ConnectionError("redis is loading its data")
            now = time.monotonic()
            if now - began > _LATE_S:
                outages.failed(began)
            else:
                outages.answered(now)
        except OSError:
            outages.failed(began)
            if connection is not None:
                connection.close()
            connection = None
        time.sleep(_PAUSE_S)
    os.write(report, json.dumps(outages.lengths_s).encode())


class Observer:
    """A process of its own, so that nothing else in this program delays it."""

    def __init__(self):
        self._reader, writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                os.close(self._reader)
                self._run(writer)
                code = 0
            finally:
                os._exit(code)
        os.close(writer)

    @staticmethod
    def _run(writer):
        ended = []
        signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            # A busy machine must not make it see outages that there are not.
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        except OSError:
            pass
        _watch(writer, lambda: ended)

    def stop(self):
        """@return the lengths of all outages, in seconds."""
        os.kill(self._pid, signal.SIGTERM)
        with os.fdopen(self._reader, "rb") as report:
            text = report.read()
        os.waitpid(self._pid, 0)
        return json.loads(text)
