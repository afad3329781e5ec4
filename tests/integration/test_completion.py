"""Completion in the shells themselves: bash by its function, zsh by keys on a terminal."""

import os
import re
import subprocess

import harness
from harness_terminal import Terminal

SLEEPER = "ExecStart=/bin/sleep 1000000"


class Completion(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.path = f"{harness.BUILD}/bin:{os.environ['PATH']}"

    def bash(self, line, directory=None):
        """@return the words that bash would offer for the line, its end the cursor's place."""
        script = (f"source <({harness.binary('nines')} completion bash)\n"
                  "COMP_LINE=$1 COMP_POINT=${#1}\n_nines\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
        done = subprocess.run(["bash", "-c", script, "-", line], capture_output=True, text=True,
                              timeout=60, cwd=directory, check=True,
                              env={**os.environ, "PATH": self.path})
        self.assertEqual(done.stderr, "")
        return sorted(done.stdout.split())

    def units(self):
        names = [self.daemon.service(name, SLEEPER) for name in ("good", "gone")]
        self.daemon.unit_text("many@.service", f"[Service]\n{SLEEPER}\nWorkingDirectory={self.daemon.work}\n")
        self.daemon.start(*names)
        self.daemon.act_ok("start", "many@one.service", "many@two.service")
        return f"nines --runtime-dir {self.daemon.run_dir}"

    def test_verbs_and_options(self):
        self.assertEqual(self.bash("nines sta"), ["start", "status"])
        self.assertEqual(self.bash("nines daemon "), ["reexec", "status"])
        self.assertEqual(self.bash("nines --json daemon re"), ["reexec"])
        self.assertEqual(self.bash("nines logs --f"), ["--follow"])
        self.assertEqual(self.bash("nines --no-"), ["--no-color", "--no-pager"])
        self.assertIn("why", self.bash("nines "))
        self.assertIn("--names", self.bash("nines status -"))
        self.assertNotIn("--names", self.bash("nines logs -"))
        self.assertEqual(self.bash("nines frobnicate x"), [])

    def test_values(self):
        self.assertEqual(self.bash("nines completion "), ["bash", "zsh"])
        self.assertEqual(self.bash("nines cell app."),
                         ["app.planned", "app.proactive", "app.unplanned"])
        self.assertEqual(self.bash("nines help uni"), ["unit"])
        self.assertEqual(self.bash("nines logs -n "), [])  # a number
        (self.daemon.work / "one.service").touch()
        (self.daemon.work / "below").mkdir()
        self.assertEqual(self.bash("nines unit check on", self.daemon.work), ["one.service"])
        self.assertEqual(self.bash("nines why --ledger on", self.daemon.work), ["one.service"])
        self.assertEqual(self.bash("nines --runtime-dir ", self.daemon.work), ["below"])

    def test_units_of_the_daemon(self):
        nines = self.units()
        self.assertEqual(self.bash(f"{nines} status go"), ["gone.service", "good.service"])
        self.assertEqual(self.bash(f"{nines} status good gon"), ["gone.service"])
        self.assertEqual(self.bash(f"{nines} events --unit goo"), ["good.service"])
        self.assertEqual(self.bash(f"{nines} why h"), ["host"])
        # bash replaces only what stands behind the @, at which it splits words.
        self.assertEqual(self.bash(f"{nines} stop many@"), ["one.service", "two.service"])
        self.assertEqual(self.bash(f"{nines} keep -- go"), [])  # a command

    def test_without_a_daemon(self):
        nines = f"nines --runtime-dir {self.daemon.run_dir}"
        self.assertEqual(self.bash(f"{nines} status "), [])
        self.assertEqual(self.bash(f"{nines} why "), ["host"])

    def test_bash_takes_the_whole_script(self):
        text = subprocess.run([harness.binary("nines"), "completion"], capture_output=True,
                              text=True, check=True).stdout
        self.assertIn("complete -F _nines nines", text)
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)

    def zsh(self, *lines):
        """Types each line and a tab. @return what each line has become, or what was listed."""
        zsh = harness.need_program("zsh")
        shown = []
        with Terminal([zsh, "-f", "-i"], columns=200,
                      env={"PATH": self.path, "PS1": "", "ZDOTDIR": str(self.daemon.work)}) as shell:
            shell.type("PROMPT='READY>'; unsetopt beep prompt_sp prompt_cr; setopt no_list_beep; "
                       "autoload -Uz compinit; compinit -D -u; source <(nines completion zsh); "
                       "show() { print -r -- \"<<$BUFFER>>\"; BUFFER=; }; zle -N show; "
                       "bindkey '^T' show; print loa''ded\n")
            shell.read_until(lambda t: "READY>" in t.partition("\nloaded\n")[2], "a prompt")
            for line in lines:
                shell.seen = b""
                shell.type(line + "\t")
                shell.type("\x14")
                text = shell.read_until(lambda t: re.search("<<.*>>", t), line)
                shown.append((re.search("<<(.*)>>", text).group(1), text))
        return shown

    def test_zsh(self):
        nines = self.units()
        completed = self.zsh(
            "nines dae", "nines daemon re", "nines logs --fo", "nines cell hw.pro",
            "nines completion z", f"{nines} status goo", f"{nines} events --unit gon",
            f"{nines} stop many@t", "nines sta")
        self.assertEqual([line.rstrip() for line, _ in completed[:-1]], [
            "nines daemon", "nines daemon reexec", "nines logs --follow", "nines cell hw.proactive",
            "nines completion zsh", f"{nines} status good.service",
            f"{nines} events --unit gone.service", f"{nines} stop many@two.service"])
        line, listed = completed[-1]
        self.assertEqual(line, "nines sta")
        for word in ("start", "status", "Start units."):
            self.assertIn(word, listed)


if __name__ == "__main__":
    harness.main()
