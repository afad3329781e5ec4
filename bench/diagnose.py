#!/usr/bin/python3
"""The diagnosis of a core with 33 threads: nines-diagnose against gdb and eu-stack, for a small program and one with 100 MB of DWARF.

All of them find the same files in the page cache; gdb starts without its own index. The big program
is generated and compiled first, which takes minutes, and kept below build/.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from core_handlers import CORE_PATTERN, core_pattern_kept

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
DIAGNOSE = BUILD / "bin" / "nines-diagnose"
UNITS = 40
THREADS = 32

UNIT = """
#include <algorithm>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <regex>
#include <thread>
#include <unordered_map>
#include <variant>
namespace unit%(i)d {
template <int N> struct A {
  std::map<int, std::unordered_map<std::string, std::vector<std::variant<int, double, std::string>>>> m;
  std::function<int(int)> g;
  std::optional<std::regex> r;
  int go(int x) {
    m[x]["a%(i)d"].push_back(x);
    r = std::regex("a.*%(i)d");
    std::sort(m[x]["a%(i)d"].begin(), m[x]["a%(i)d"].end(),
              [](auto& a, auto& b) { return a.index() < b.index(); });
    auto f = std::async(std::launch::deferred, [&] { return x + N; });
    return f.get() + A<N - 1>{}.go(x);
  }
};
template <> struct A<0> { int go(int x) { return x; } };
}
int fn%(i)d(int x) { return unit%(i)d::A<12>{}.go(x); }
"""

MAIN = """
#include <thread>
#include <vector>
#include <unistd.h>
%(declarations)s
static int* volatile nowhere;
int main() {
  int s = 0;
  %(calls)s
  std::vector<std::thread> threads;
  for (int i = 0; i < %(threads)d; ++i) threads.emplace_back([] { for (;;) pause(); });
  usleep(300000);
  *nowhere = s;
}
"""


def big_program():
    """@return a program with more than 100 MB of debug information."""
    directory = BUILD / "bench" / "big"
    program = directory / "big"
    if program.exists():
        return program
    directory.mkdir(parents=True, exist_ok=True)
    sources = []
    for i in range(1, UNITS + 1):
        sources.append(directory / f"unit{i}.cc")
        sources[-1].write_text(UNIT % {"i": i})
    sources.append(directory / "main.cc")
    numbers = range(1, UNITS + 1)
    sources[-1].write_text(MAIN % {
        "declarations": "\n".join(f"int fn{i}(int);" for i in numbers),
        "calls": "\n  ".join(f"s += fn{i}({i});" for i in numbers), "threads": THREADS})
    compiler = ["g++", "-g", "-O0", "-std=c++17", "-w"]
    waiting = list(sources)
    running = []
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            source = waiting.pop()
            running.append(subprocess.Popen([*compiler, "-c", source.name], cwd=directory))
        if running.pop(0).wait() != 0:
            raise SystemExit("diagnose: the big program does not compile")
    part = directory / "big.part"
    subprocess.run([*compiler, "-o", str(part), *(source.stem + ".o" for source in sources), "-pthread"],
                   cwd=directory, check=True)
    part.rename(program)
    return program


def core_of(command, directory):
    directory.mkdir()
    before = CORE_PATTERN.read_text()
    with core_pattern_kept():
        if before.startswith(("|", "@")) or "/" in before:
            CORE_PATTERN.write_text("core\n")
        subprocess.run(command, cwd=directory, check=False, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
    core, = directory.glob("core*")
    return core


def seconds(command, expect):
    begun = time.monotonic()
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    took = time.monotonic() - begun
    if expect not in done.stdout:
        raise SystemExit(f"diagnose: {command[0]} did not show {expect!r}")
    return took


def measure(case, program, core, runs, progress):
    expect = b"main"
    commands = {
        "nines": ([DIAGNOSE, core], b'"signature"'),
        "gdb": (["gdb", "-nx", "-q", "-batch", "-ex", "set auto-load no", "-ex",
                 "set debuginfod enabled off", "-ex", "thread apply all bt", program, core], expect),
        "eu-stack": (["eu-stack", f"--core={core}", "-e", program], expect),
        "signature": ([DIAGNOSE, "--signature", core], b"\n"),
    }
    samples = {name: [] for name in commands}
    # In turns, so that what else the machine does hits all of them.
    for turn in range(runs + 1):
        for name, (command, words) in commands.items():
            took = seconds(command, words) * 1000
            if turn > 0:  # the first brings the files into the page cache
                samples[name].append(took)
        progress(f"{case}: {turn}/{runs}")
    signature = samples.pop("signature")
    yield report.Row("diagnose", case, "report_vs_gdb", "ms", "nines", samples, rivals=("gdb",))
    yield report.Row("diagnose", case, "report_vs_eu_stack", "ms", "nines", samples,
                     rivals=("eu-stack",))
    yield report.Row("diagnose", case, "signature", "ms", "nines", {"nines": signature})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object a row")
    parser.add_argument("--runs", type=int, default=10, help="of each program (10)")
    parser.add_argument("--case", choices=("small", "100MB"), action="append")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("diagnose: needs root, to have cores written as files")
    show = report.print_json if options.json else report.print_table

    def progress(text):
        print(text, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="nines-bench-diagnose-") as directory:
        for case in options.case or ("small", "100MB"):
            if case == "small":
                command = [str(BUILD / "targets" / "crash_threads"), str(THREADS), "1"]
            else:
                progress("100MB: compiling, if it is not there yet")
                command = [str(big_program())]
            core = core_of(command, Path(directory) / case)
            for row in measure(case, command[0], core, options.runs, progress):
                show(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
