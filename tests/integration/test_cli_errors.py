"""Every way in which the command line can fail says what, where, and what to do next."""

import json
import os
import socket
import subprocess
import threading

import harness
import harness_env

SLEEPER = "ExecStart=/bin/sleep 1000000"
OK, FAILED, USAGE, UNREACHABLE, DENIED, NO_SUCH_UNIT = range(6)


class OtherVersion:
    """Answers each request as a daemon of another version of the API would. There is no such release
    yet that could be run instead."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                body = b'{"api":2,"units":[],"events":[],"lines":[],"results":[]}'
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


class Errors(harness.DaemonTest):
    def fails(self, code, *arguments, says=(), hint=(), prefix=(), **options):
        """Runs nines; @return what it wrote to standard error."""
        done = subprocess.run(
            [*prefix, harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), *arguments],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120,
            **{"stdout": subprocess.PIPE, **options})
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        fault, _, advice = done.stderr.partition("\n  hint: ")
        self.assertTrue(fault.startswith("nines: "), done.stderr)
        for word in says:
            self.assertIn(str(word), fault)
        for word in hint:
            self.assertIn(str(word), advice, (arguments, done.stderr))
        return done.stderr

    def test_no_daemon(self):
        for arguments in (["status"], ["logs", "x"], ["events"], ["stop", "x"], ["daemon", "status"],
                          ["events", "-f"], ["daemon", "reexec"], ["keep", "-d", "x"]):
            self.fails(UNREACHABLE, *arguments, says=["no daemon answers", self.daemon.api_path],
                       hint=["start it: ninesd", self.daemon.run_dir])

    def test_not_permitted(self):
        prefix = harness_env.as_ordinary_user()
        self.daemon.start()
        os.chmod(self.daemon.home, 0o755)
        for arguments in (["status"], ["events"], ["start", "x"]):
            self.fails(DENIED, *arguments, says=[self.daemon.api_path], hint=["sudo", "group 'nines'"],
                       prefix=prefix)

    def test_no_such_unit(self):
        name = self.daemon.service("redis-server", SLEEPER)
        self.daemon.start(name)
        for arguments in (["status"], ["logs"], ["logs", "-f"], ["start"], ["stop"], ["why"]):
            self.fails(NO_SUCH_UNIT, *arguments, "redis-sevrer", says=["redis-sevrer"],
                       hint=["did you mean redis-server"])
            self.fails(NO_SUCH_UNIT, *arguments, "redis-serve.service",
                       hint=["did you mean redis-server.service?"])
            self.assertNotIn("did you mean", self.fails(NO_SUCH_UNIT, *arguments, "postfix"))
        self.fails(NO_SUCH_UNIT, "start", "./nowhere.service", says=["nowhere.service"])

    def test_no_such_verb_or_option(self):
        self.fails(USAGE, "stauts", says=["no verb 'stauts'"], hint=["nines status", "nines help"])
        self.fails(USAGE, "frobnicate", says=["frobnicate"], hint=["nines help lists all verbs"])
        self.fails(USAGE, "help", "stauts", hint=["did you mean nines status?"])
        self.fails(USAGE, "daemon", "stat", says=["daemon stat"],
                   hint=["did you mean nines daemon status?", "daemon has reexec status"])
        self.fails(USAGE, "daemon", hint=["nines help daemon"])
        self.fails(USAGE, "logs", "x", "--folow", says=["--folow"], hint=["--follow", "nines help logs"])
        self.fails(USAGE, "logs", hint=["nines help logs"])
        self.fails(USAGE, "logs", "x", "-n", "many", hint=["nines help logs"])
        self.fails(USAGE, "completion", "fish", hint=["nines help completion"])
        self.fails(USAGE, "app.unplaned", says=["app.unplaned"], hint=["app.unplanned"])
        self.fails(USAGE, "cell", "nowhere", hint=["nines app.unplanned"])
        self.fails(USAGE, "events", "--since", "yesterday", hint=["90s"])
        self.fails(USAGE, "keep", hint=["nines help keep"])

    def test_a_ledger_that_cannot_be_read(self):
        garbage = self.daemon.work / "garbage.db"
        garbage.write_bytes(b"no database" * 1000)
        missing = self.daemon.work / "missing.db"
        for verb in (["why"], ["export"]):
            self.fails(FAILED, *verb, "--ledger", str(garbage), says=[garbage],
                       hint=["nines ledger check", "nines ledger repair"])
            self.fails(NO_SUCH_UNIT, *verb, "--ledger", str(missing), says=[missing],
                       hint=["ninesd", "--ledger"])
        prefix = harness_env.as_ordinary_user()
        os.chmod(self.daemon.home, 0o755)
        garbage.chmod(0o600)
        for verb in (["why"], ["export"]):
            self.fails(DENIED, *verb, "--ledger", str(garbage), says=[garbage], hint=["sudo"],
                       prefix=prefix)

    def test_an_import_that_is_refused(self):
        bad = self.daemon.work / "bad.jsonl"
        bad.write_text("{}\n")
        self.fails(FAILED, "import", "--ledger", str(self.daemon.work / "l.db"), str(bad))
        self.fails(NO_SUCH_UNIT, "import", str(self.daemon.work / "none"), says=["none"])

    def test_a_daemon_of_another_version(self):
        self.daemon.run_dir.mkdir()
        other = OtherVersion(self.daemon.api_path)
        self.addCleanup(other.close)
        for arguments in (["status"], ["events"], ["logs", "x"], ["start", "x"], ["daemon", "status"]):
            self.fails(FAILED, *arguments, says=["api version 2, 1 expected"], hint=["update the older"])

    def exported(self):
        self.daemon.start(self.daemon.service("good", SLEEPER))
        self.daemon.wait_event("unit.ready")
        harness.wait_until(lambda: len(self.daemon.ledger_events("good.service", "unit.ready")), "saved")

    def test_a_full_disk(self):
        self.exported()
        with open("/dev/full", "wb") as full:
            for arguments in (["export"], ["status"], ["help"], ["--json", "events"]):
                self.fails(FAILED, *arguments, stdout=full,
                           says=["standard output", "No space left on device"],
                           hint=["not whole", "make room"])

    def test_a_closed_standard_output(self):
        """What is printed must not go to the socket that took the descriptor's place."""
        self.exported()
        for arguments in (["export"], ["status"], ["--version"], ["completion"]):
            self.fails(FAILED, *arguments, preexec_fn=lambda: os.close(1), stdout=None,
                       says=["standard output"], hint=["standard output is closed"])
        self.assertNotIn("bad request", self.daemon.log_path.read_text().lower())

    def test_a_reader_that_goes_away(self):
        self.exported()
        nines = harness.binary("nines")
        for arguments in ("help --man", "export", "events"):
            done = subprocess.run(
                ["bash", "-c", f"{nines} --runtime-dir {self.daemon.run_dir} {arguments} | head -n 1"],
                capture_output=True, text=True, timeout=60)
            self.assertEqual(done.stderr, "", arguments)
            self.assertEqual(done.stdout.count("\n"), 1, arguments)

    def test_errors_for_programs(self):
        done = self.daemon.nines("--json", "status", check=False)
        self.assertEqual(done.returncode, UNREACHABLE)
        error = json.loads(done.stderr)["error"]
        self.assertEqual(error["code"], "gone")
        self.assertIn("start it", error["hint"])


if __name__ == "__main__":
    harness.main()
