"""A program on a real terminal: a pseudo-terminal of a given size, and what was written to it."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata

import harness

CLEAN = ("NINES_PAGER", "PAGER", "LESS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES")


class Terminal:
    """@param stderr  where the program's standard error goes; default: the terminal too."""

    def __init__(self, command, rows=24, columns=80, env=None, stderr=None):
        environment = {k: v for k, v in os.environ.items() if k not in CLEAN}
        environment["TERM"] = "xterm"
        environment.update(env or {})
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        def become_leader():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave if stderr is None else stderr,
            env=environment, preexec_fn=become_leader)
        os.close(slave)
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def type(self, text):
        os.write(self.master, text.encode())

    def read_until(self, condition, what):
        """Reads until condition(text since the last mark) or the end. @return that text."""
        end = time.monotonic() + harness.DEADLINE_S
        while not condition(self.text()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {harness.DEADLINE_S} s: {what}; {self.text()!r}")
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                got = os.read(self.master, 65536)
            except OSError:  # EIO: the other side is closed
                got = b""
            if not got:
                if condition is never:
                    return self.text()
                raise AssertionError(f"it ended before: {what}; {self.text()!r}")
            self.seen += got
        return self.text()

    def text(self):
        """Strict: half a character is an error, once all is there."""
        return self.seen.decode("utf-8", "surrogateescape").replace("\r\n", "\n")

    def finish(self):
        """@return (exit code, all that was written)."""
        text = self.read_until(never, "the end")
        return self.process.wait(timeout=harness.DEADLINE_S), text


def never(_):
    return False


def without_colours(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def width(text):
    """In columns, as Unicode says; a second opinion on our own table."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)
