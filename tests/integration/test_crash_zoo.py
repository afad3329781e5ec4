"""What nines-diagnose makes of programs that crash in many ways: names as gdb has them, frame by
frame; the kind of crash; one signature with and without symbols, and for the minimal core."""

import json
import os
import re
import resource
import subprocess
import tempfile
import unittest
from pathlib import Path

import crash_zoo
import harness
import harness_core


def crash(command, directory, kill_after=None, **more):
    """@return the core."""
    directory.mkdir(exist_ok=True)
    for old in directory.glob("core*"):
        old.unlink()
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    process = subprocess.Popen(
        [str(word) for word in command], cwd=directory, stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_CORE, unlimited), **{"stderr": subprocess.DEVNULL, **more})
    if kill_after is not None:
        kill_after(process)
    process.wait(timeout=harness.DEADLINE_S)
    process.stdin.close()
    cores = list(directory.glob("core*"))
    assert len(cores) == 1, f"{command}: {process.returncode}, {cores}"
    return cores[0]


def diagnose(core, *options):
    out = subprocess.run([harness.binary("nines-diagnose"), *options, str(core)], check=True,
                         capture_output=True, text=True, timeout=harness.DEADLINE_S).stdout
    return out if options and options[0] in ("--text", "--signature") else json.loads(out)


def without_templates(name):
    text, depth = "", 0
    name = re.sub(r"operator(<=>|<<=|>>=|<<|>>|<=|>=|->\*|->|<|>)", lambda m: "operator" + "".join(
        {"<": "lt", ">": "gt"}.get(c, c) for c in m.group(1)), name)
    for char in name:
        depth += (char == "<") - (char == ">")
        if depth == 0 and char != ">":
            text += char
    return text


def plain(name):
    """Without template arguments, parameters, return type: gdb composes C++ names out of DWARF, the
    demangler out of the mangled name, and both are right."""
    if name is None or name == crash_zoo.SIGNAL_FRAME:
        return name
    # The same lambda: {lambda(int)#1} of the ABI, <lambda(int)> in GCC's DWARF.
    name = re.sub(r"<lambda\([^()]*\)>|\{lambda\([^()]*\)#\d+\}|\{unnamed type#\d+\}", "lambda", name)
    name = name.replace("(anonymous namespace)::", "").replace("operator()", "operator_call")
    # main.cold: "main[cold]" of gdb, "main [clone .cold]" of the demangler.
    name = re.sub(r" \[clone [^\]]*\]|\[cold\]|\.cold$", "", name)
    name = without_templates(name)
    while True:
        shorter = re.sub(r"\([^()]*\)( const)?( \[.*\])?", "", name)
        if shorter == name:
            break
        name = shorter
    return name.split()[-1] if name.split() else name


def same_name(frame, gdb_name):
    """Whether ours is gdb's, or another name of the same address."""
    ours = crash_zoo.SIGNAL_FRAME if frame.get("signal") else frame.get("function")
    if plain(ours) == plain(gdb_name):
        return True
    if gdb_name is None or "module" not in frame:
        return False
    if frame["module"] == "[vdso]":
        return ours == f"__vdso_{gdb_name}"  # likewise; it is in no file that nm could read
    if not os.path.exists(frame["module"]):
        return False
    # Aliases: pause and __libc_pause. Which of them gdb takes is by chance of its sorting.
    start = int(frame["offset"], 16) - frame.get("function_offset", 0)
    names = crash_zoo.names_by_address(frame["module"]).get(start, set())
    return gdb_name.split("@")[0] in names


def shown(frames, key):
    return [frame.get("name" if key == "gdb" else "function") for frame in frames]


class Compared(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        harness.need_program("gdb")
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root to have cores written as files")

    def setUp(self):
        self.dir = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="nines-test-")))
        self.enterContext(harness_core.core_pattern("core"))

    def compare(self, diagnosis, program, core, until=None, then=()):
        """All frames that gdb has: it stops at main, where we go on."""
        for tid, theirs in crash_zoo.gdb_threads(program, core).items():
            stack, = [s for s in diagnosis["stacks"] if tid in s["tids"]]
            frames = stack["frames"]
            if until is None:
                self.assertGreaterEqual(len(frames) + stack.get("elided", 0), theirs["count"],
                                        (shown(frames, "ours"), shown(theirs["frames"], "gdb")))
            else:
                self.assertEqual(shown(frames[until:], "ours")[:len(then)], list(then))
            most = min(len(theirs["frames"]), stack.get("elided_at", len(frames)))
            if until is not None:
                most = min(most, until)
            for i in range(most):
                self.assertTrue(
                    same_name(frames[i], theirs["frames"][i]["name"]),
                    f"thread {tid} #{i}\n{shown(frames, 'ours')}\n{shown(theirs['frames'], 'gdb')}")


class Zoo(Compared):
    def check(self, animal):
        directory = self.dir / animal.name
        directory.mkdir()
        program = crash_zoo.make(animal, directory)
        command = [program] + ([directory / "library.so"] if animal.loads else [])
        core = crash(command, directory / "run")
        diagnosis = diagnose(core)
        found = diagnosis["classification"]
        self.assertEqual(found["kind"], animal.kind, found)
        text = " ".join([found["summary"], *found["evidence"]])
        for words in animal.says:
            self.assertIn(words, text)
        self.compare(diagnosis, program, core, animal.until, animal.then)
        self.assertEqual(diagnose(core, "--signature").strip(), diagnosis["signature"]["id"])
        report = diagnose(core, "--text").splitlines()
        self.assertLess(len(report), 32, report)

    def test_the_zoo_is_large(self):
        self.assertGreaterEqual(len(crash_zoo.ZOO), 30)


def zoo_test(animal):
    return lambda self: self.check(animal)


for one in crash_zoo.ZOO:
    setattr(Zoo, f"test_{one.name}", zoo_test(one))


if __name__ == "__main__":
    harness.main()
