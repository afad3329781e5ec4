"""nines on a real terminal: the pager, the width, colours; and what of it stays away elsewhere."""

import os
import subprocess

import harness
import harness_terminal
from harness import wait_until
from harness_terminal import Terminal, width, without_colours

WIDE = "\u65e5\u672c\u8a9e\u306e\u72b6\u614b " * 12 + "e\u0301"
SPEAKER = f"""#!/usr/bin/python3
import os, socket, time
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1))
    notify.send("READY=1\\nSTATUS={WIDE}".encode())
print("before \\x1b[2J\\x1b]0;title\\x07 after", flush=True)
time.sleep(1000000)
"""


class OnATerminal(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.marker = self.daemon.home / "marker"
        self.paging = f"cat >{self.marker}.out; touch {self.marker}"

    def nines(self, *arguments, **options):
        command = [harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), *arguments]
        with Terminal(command, **options) as terminal:
            return terminal.finish()

    def paged(self, *arguments, rows=10, env=None, **options):
        """@return whether it went through the pager; nothing may be lost either way."""
        self.marker.unlink(missing_ok=True)
        self.nines(*arguments, rows=rows, env={"NINES_PAGER": self.paging, **(env or {})}, **options)
        return self.marker.exists()

    def speaker(self):
        script = self.daemon.work / "speaker"
        script.write_text(SPEAKER)
        script.chmod(0o755)
        name = self.daemon.service("speaker-with-quite-a-long-name-that-has-no-end",
                                   f"Type=notify\nExecStart={script}")
        self.bad = self.daemon.service("bad", "ExecStart=/no/such/program")
        self.daemon.start()
        self.daemon.act_ok("start", name)
        wait_until(lambda: self.daemon.get(f"/v1/units/{name}/logs")["lines"], "it says something")
        return name

    def test_a_pager_where_the_screen_is_too_short(self):
        whole = subprocess.run([harness.binary("nines"), "help"], capture_output=True, text=True,
                               check=True).stdout
        rows = whole.count("\n")
        self.assertTrue(self.paged("help"))
        self.assertEqual((self.marker.parent / "marker.out").read_text(), whole)
        self.assertTrue(self.paged("help", rows=rows))  # the shell's prompt takes one
        self.assertFalse(self.paged("help", rows=rows + 1))
        self.assertTrue(self.paged("help", rows=rows + 1, columns=60))  # lines take two rows
        self.assertTrue(self.paged("logs", "--help"))

    def test_no_pager_where_none_is_wanted(self):
        self.assertFalse(self.paged("--no-pager", "help"))
        self.assertFalse(self.paged("help", "--no-pager"))
        self.assertFalse(self.paged("help", env={"TERM": "dumb"}))
        self.assertFalse(self.paged("completion"))
        self.assertFalse(self.paged("--json"))
        for none in ("", "cat"):
            code, text = self.nines("help", rows=10, env={"NINES_PAGER": none, "PAGER": self.paging})
            self.assertEqual(code, 0)
            self.assertIn("More on one verb", text)
            self.assertFalse(self.marker.exists())
        subprocess.run([harness.binary("nines"), "help"], stdout=subprocess.DEVNULL, check=True,
                       env={**os.environ, "NINES_PAGER": self.paging})
        self.assertFalse(self.marker.exists())

    def test_which_pager(self):
        def used(**env):
            return self.nines("help", rows=10, env=env)[1]
        self.assertIn("the other", used(PAGER="echo the other"))
        self.assertIn("ours", used(PAGER="echo the other", NINES_PAGER="echo ours"))
        self.assertIn("LESS is FRX", used(PAGER="echo LESS is $LESS"))
        self.assertIn("LESS is i", used(PAGER="echo LESS is $LESS", LESS="i"))

    def test_less_is_the_default(self):
        harness.need_program("less")
        command = [harness.binary("nines"), "help"]
        with Terminal(command, rows=10) as terminal:
            terminal.read_until(lambda t: "nines keeps" in t and t.endswith(":\x1b[K"), "a prompt")
            self.assertNotIn("More on one verb", terminal.text())
            terminal.type("q")
            code, _ = terminal.finish()
        self.assertEqual(code, 0)

    def test_a_pager_that_fails_is_no_error(self):
        for pager in ("/no/such/program", "no-such-program -x", "/"):
            code, text = self.nines("help", rows=10, env={"NINES_PAGER": pager})
            self.assertEqual(code, 0, pager)
            self.assertIn("nines keeps applications up.", text)
            self.assertIn("More on one verb", text)
        code, text = self.nines("help", "--man", rows=10, env={"NINES_PAGER": "head -n 1"})
        self.assertEqual((code, text.count("\n")), (0, 1), text)
        code, text = self.nines("help", "--man", rows=10, env={"NINES_PAGER": "exit 3"})
        self.assertEqual((code, text), (0, ""))

    def test_the_exit_code_is_that_of_the_verb(self):
        self.assertEqual(self.nines("status", rows=2, env={"NINES_PAGER": "cat >&2"})[0], 3)

    def test_what_follows_is_not_paged(self):
        name = self.speaker()
        command = [harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), "events", "-f"]
        with Terminal(command, rows=2, env={"NINES_PAGER": self.paging}) as terminal:
            terminal.read_until(lambda t: t.count("unit.ready") == 1, "history")
            self.daemon.act_ok("restart", name)
            terminal.read_until(lambda t: t.count("unit.ready") == 2, "what happens")
            terminal.type("\x03")
            self.assertEqual(terminal.finish()[0], 0)
        self.assertFalse(self.marker.exists())

    def test_tables_fit(self):
        name = self.speaker()
        for columns in (40, 80, 81, 120, 250):
            code, text = self.nines("status", columns=columns, rows=50)
            self.assertEqual(code, 0)
            text.encode()  # no half character
            lines = without_colours(text).splitlines()
            self.assertTrue(any(line.startswith("speaker-wi") for line in lines), text)
            for line in lines:
                self.assertLessEqual(width(line), columns, line)
        narrow = without_colours(self.nines("status", columns=40)[1])
        self.assertIn("\u2026", narrow)
        self.assertNotIn(name, narrow)
        # COLUMNS overrules the terminal; neither known: 80.
        wide = without_colours(self.nines("status", columns=40, env={"COLUMNS": "250"})[1])
        self.assertIn(name, wide)
        unknown = without_colours(self.nines("status", columns=0, rows=0)[1])
        self.assertTrue(all(width(line) <= 80 for line in unknown.splitlines()), unknown)
        self.assertTrue(any(width(line) > 40 for line in unknown.splitlines()), unknown)

    def test_a_unit_cannot_drive_the_terminal(self):
        name = self.speaker()
        code, text = self.nines("--no-color", "logs", name)
        self.assertEqual(code, 0)
        self.assertIn("before \\x1b[2J\\x1b]0;title\\x07 after", text)
        self.assertNotIn("\x1b", text)
        code, text = self.nines("--no-color", "status", name)
        self.assertIn("\\x1b[2J", text)
        self.assertNotIn("\x1b", text)

    def test_colours(self):
        self.speaker()

        def coloured(*arguments, **env):
            code, text = self.nines("status", *arguments, env=env)
            self.assertEqual(code, 0)
            self.assertTrue(all(c == "m" for c in _finals(text)), "nothing moves the cursor")
            return "\x1b[" in text
        self.assertTrue(coloured())
        self.assertTrue(coloured(NO_COLOR=""))
        for no in ({"NO_COLOR": "1"}, {"NO_COLOR": "0"}, {"NO_COLOR": "1", "CLICOLOR_FORCE": "1"},
                   {"TERM": "dumb"}, {"TERM": ""}, {"CLICOLOR": "0"}):
            self.assertFalse(coloured(**no), no)
        self.assertFalse(coloured("--no-color"))

        def in_a_pipe(**env):
            clean = {k: v for k, v in os.environ.items() if k not in harness_terminal.CLEAN}
            return subprocess.run(
                [harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), "status"],
                capture_output=True, check=True, env={**clean, "TERM": "xterm", **env}).stdout
        self.assertNotIn(b"\x1b", in_a_pipe())
        self.assertNotIn(b"\x1b", in_a_pipe(CLICOLOR_FORCE="0"))
        self.assertIn(b"\x1b", in_a_pipe(CLICOLOR_FORCE="1"))
        self.assertNotIn(b"\x1b", in_a_pipe(CLICOLOR_FORCE="1", NO_COLOR="1"))

    def test_errors_in_a_file_have_no_colours(self):
        self.speaker()
        path = self.daemon.home / "stderr"
        with open(path, "wb") as file:
            code, _ = self.nines("start", self.bad, stderr=file)
        self.assertEqual(code, 1)
        self.assertIn(b"/no/such/program", path.read_bytes())
        self.assertNotIn(b"\x1b", path.read_bytes())
        self.assertIn("\x1b[1;31m", self.nines("start", self.bad)[1])


def _finals(text):
    """The last byte of each control sequence. ECMA-48, 5.4."""
    return [part.lstrip("0123456789;")[:1] for part in text.split("\x1b[")[1:]]


if __name__ == "__main__":
    harness.main()
