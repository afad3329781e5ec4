"""What the benches that crash kept servers have in common: their programs, progress, and an end that
leaves nothing running."""

import os
import signal
import sys

import report
from peers import Missing, processes


class Tools:
    """The programs that a bench runs, of one build."""

    def __init__(self, build_directory):
        self.build_directory = os.path.abspath(build_directory)
        self.crash_client = self._program("bench", "crash_client")

    def target(self, name):
        return self._program("targets", name)

    def _program(self, *parts):
        path = os.path.join(self.build_directory, *parts)
        if not os.access(path, os.X_OK):
            raise Missing(f"no {path}; run: tools/build")
        return path


def progress(text):
    """A line that the next one overwrites; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _interrupt(*_):
    raise KeyboardInterrupt


def run(name, rows, as_json):
    """Shows each Row that the generator `rows` yields. @return the exit code."""
    # SIGINT too: started in the background by a shell it would be ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    processes.become_subreaper()
    show = report.print_json if as_json else report.print_table
    try:
        for row in rows:
            progress("")
            show(row)
    except (Missing, RuntimeError) as error:
        progress("")
        print(f"tools/bench {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        rows.close()
        processes.end_all()
    return 0
