"""`nines why`: what it says of real crashes is what was seen from outside; with the daemon and after
its death; over a boot."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import harness
from harness import EchoClient, alive, boot_ns, kill, wait_until

SLACK_NS = 2_000_000  # between our looking at a clock and the daemon's


class Why(harness.DaemonTest):
    def why(self, *arguments):
        return json.loads(self.daemon.nines("--json", "why", *arguments).stdout)

    def server(self, name, service="", nines=""):
        port = harness.free_port()
        unit = self.daemon.service(
            name, f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            f"Restart=always\nRestartSec=0\nLimitCORE=0\n{service}", nines=nines)
        return unit, port

    def answering_pid(self, port):
        try:
            with EchoClient(port, timeout_s=0.3) as client:
                return client.pid()
        except OSError:
            return None

    def crash(self, port, how):
        """@return (before the order, after the next one answered), in ns since boot."""
        pid = wait_until(lambda: self.answering_pid(port), "it answers")
        before = boot_ns()
        if how == "exit":
            harness.order(port, "X 3")
        else:
            kill(pid, signal.Signals[how])
        wait_until(lambda: not alive(pid), "it is dead")
        wait_until(lambda: self.answering_pid(port) not in (None, pid), "its successor answers")
        return before, boot_ns()

    def closed_intervals(self, unit, count):
        def closed():
            rows = self.daemon.intervals(unit)
            return rows if len(rows) == count and all(r["duration_ns"] is not None
                                                      for r in rows) else None
        return wait_until(closed, f"{unit} was down {count} times")

    def test_causes_and_lengths_are_what_was_seen(self):
        unit, port = self.server("web", nines="AvailabilityTarget=99.9%")
        self.daemon.start(unit)
        self.daemon.wait_main_pid(unit)
        seen = [self.crash(port, how) for how in ("SIGKILL", "exit", "SIGSEGV", "SIGKILL")]
        self.closed_intervals(unit, len(seen))
        report = self.why("web")["units"][0]
        self.assertEqual(report["unit"], unit)
        self.assertEqual(report["failures"], 4)
        self.assertEqual(report["planned_ns"], 0)
        times = {cause["cause"]: cause["times"] for cause in report["causes"]}
        self.assertEqual(times, {"killed:KILL": 2, "exit:3": 1, "crash:SEGV": 1})
        # Not down for longer than we saw it down, and it was down at all.
        most = sum(after - before for before, after in seen) + len(seen) * SLACK_NS
        self.assertGreater(report["downtime_ns"], 0)
        self.assertLessEqual(report["downtime_ns"], most)
        self.assertEqual(sum(report["by_cell_ns"].values()), report["by_cell_ns"]["app/unplanned"])
        self.assertEqual(report["mttr_ns"], report["unplanned_ns"] // 4)
        window = report["to_ns"] - report["from_ns"]
        self.assertTrue(report["shortened"])
        self.assertAlmostEqual(report["availability"], 1 - report["downtime_ns"] / window, 9)
        self.assertAlmostEqual(report["budget"]["target"], 0.999, 9)
        self.assertEqual(len(report["budget"]["burn"]), 3)
        for cause in report["causes"]:
            self.assertIn("Standby=1", cause["avoid"]["setup"])

        page = self.daemon.nines("why", "web").stdout
        self.assertIn("crashed: SIGSEGV", page)
        self.assertIn("AvailabilityTarget" if "target" not in page else "target", page)
        for text in (page, self.daemon.nines("why").stdout):
            self.assertLessEqual(len(text.splitlines()), 24, text)

    def test_planned_is_not_unplanned(self):
        unit, _ = self.server("web")
        self.daemon.start(unit)
        self.daemon.wait_main_pid(unit)
        self.daemon.nines("restart", unit)
        self.closed_intervals(unit, 1)
        report = self.why(unit)["units"][0]
        self.assertEqual(report["unplanned_ns"], 0)
        self.assertGreater(report["planned_ns"], 0)
        self.assertEqual([c["cause"] for c in report["causes"]], ["request"])
        self.assertEqual(report["causes"][0]["cell"], "app/planned")

    def test_a_dependent_goes_down_for_its_dependency(self):
        database, port = self.server("db")
        app, _ = self.server("app")
        text = (self.daemon.unit_dir / app).read_text()
        (self.daemon.unit_dir / app).write_text(
            text.replace("[Unit]\n", f"[Unit]\nBindsTo={database}\nAfter={database}\n"))
        self.daemon.start(database, app)
        self.daemon.wait_main_pid(app)
        self.crash(port, "SIGKILL")
        self.closed_intervals(database, 1)
        wait_until(lambda: self.daemon.intervals(app), "the dependent went down")
        cause = wait_until(lambda: self.why(app)["units"][0]["causes"], "its cause")[0]
        self.assertEqual(cause["cause"], f"dependency:{database}")
        self.assertFalse(cause["planned"])

    def test_an_event_is_followed(self):
        unit, port = self.server("web")
        self.daemon.start(unit)
        self.daemon.wait_main_pid(unit)
        self.crash(port, "SIGKILL")
        down = self.closed_intervals(unit, 1)[0]
        event = self.why(unit)["units"][0]["causes"][0]["last_event"]
        story = self.why(event)
        self.assertEqual(story["event"]["kind"], "unit.exit")
        self.assertEqual([e["kind"] for e in story["effects"]], ["unit.ready"])
        self.assertEqual(story["downtimes"][0]["duration_ns"], down["duration_ns"])
        ready = self.why(story["effects"][0]["id"])
        self.assertEqual([e["id"] for e in ready["causes"]], [event])
        self.assertIn("killed by SIGKILL", self.daemon.nines("why", event).stdout)
        missing = self.daemon.nines("why", "0" * 32, check=False)
        self.assertEqual(missing.returncode, 5)

    def test_it_answers_when_the_daemon_is_dead(self):
        unit, port = self.server("web")
        self.daemon.start(unit)
        self.daemon.wait_main_pid(unit)
        self.crash(port, "SIGKILL")
        self.closed_intervals(unit, 1)
        alive_says = self.why(unit)["units"][0]["causes"]
        self.daemon.kill_both()
        dead_says = self.why(unit)["units"][0]["causes"]
        for cause in alive_says + dead_says:
            del cause["avoid"]  # the daemon also knew the unit's file
        self.assertEqual(dead_says, alive_says)
        self.assertIn(unit, self.daemon.nines("why").stdout)

    def test_the_host_was_away(self):
        """Another boot, played: everything of ours is dead, what a boot clears is gone, and the
        ledger knows the boot by another id, and its times by so much earlier."""
        unit, _ = self.server("web")
        stopped, _ = self.server("stopped")
        self.daemon.start(unit, stopped)
        for name in (unit, stopped):
            self.daemon.wait_main_pid(name)
        self.daemon.nines("stop", stopped)
        wait_until(lambda: self.daemon.intervals(stopped), "the stop is in the ledger")
        wait_until(lambda: self.daemon.ledger("SELECT 1 FROM heartbeats"), "a heartbeat")
        pids = self.daemon.processes_of(unit)
        self.daemon.kill_both()
        for pid in pids:
            kill(pid)
        wait_until(lambda: not any(alive(pid) for pid in pids), "the unit is dead")
        shutil.rmtree(self.daemon.run_dir)
        # By more than this boot has lasted: it cannot have begun before the other one ended.
        shift = boot_ns() + 3600 * 10**9
        with sqlite3.connect(self.daemon.state_dir / "ledger.db") as database:
            database.execute("UPDATE boots SET boot_id = 'earlier', first_seen_ns = first_seen_ns - ?",
                             (shift,))
            for table, column in (("events", "time_ns"), ("intervals", "start_ns"),
                                  ("heartbeats", "time_ns"), ("units", "first_ns")):
                database.execute(f"UPDATE {table} SET {column} = {column} - ?", (shift,))
            last = max(database.execute("SELECT time_ns FROM heartbeats").fetchone()[0],
                       database.execute("SELECT max(time_ns) FROM events").fetchone()[0])
        database.close()
        before = time.time_ns()
        self.daemon.start(unit)
        self.daemon.wait_main_pid(unit)
        row = self.closed_intervals(unit, 1)[0]
        after = time.time_ns()
        self.assertEqual(row["start_ns"], last)
        self.assertGreaterEqual(row["start_ns"] + row["duration_ns"], before)
        self.assertLessEqual(row["start_ns"] + row["duration_ns"], after)
        report = self.why(unit)["units"][0]
        self.assertEqual([c["cause"] for c in report["causes"]], ["host-crash"])
        self.assertEqual(report["causes"][0]["cell"], "os/unplanned")
        self.assertEqual(report["by_cell_ns"], {"os/unplanned": row["duration_ns"]})
        # Stopped by request: not the host's fault, and down still.
        causes = [c["cause"] for c in self.why(stopped)["units"][0]["causes"]]
        self.assertEqual(causes, ["request"])
        self.assertEqual(len(self.daemon.ledger(
            "SELECT 1 FROM events e JOIN names k ON k.id = e.kind WHERE k.text = 'host.outage'")), 1)

    def test_out_and_in_and_sound(self):
        unit, port = self.server("web")
        self.daemon.start(unit)
        self.daemon.wait_main_pid(unit)
        self.crash(port, "exit")
        self.closed_intervals(unit, 1)
        exported = self.daemon.nines("export").stdout
        copy = self.daemon.home / "copy.db"
        (self.daemon.home / "export.jsonl").write_text(exported)
        for new in (True, False):
            done = json.loads(self.daemon.nines("--json", "import", "--ledger", str(copy),
                                                str(self.daemon.home / "export.jsonl")).stdout)
            self.assertEqual(done["events"] > 0, new)
            self.assertEqual(done["intervals"] > 0, new)
        self.assertIn("sound", self.daemon.nines("ledger", "check", "--ledger", str(copy)).stdout)
        self.assertIn("sound", self.daemon.nines("ledger", "check").stdout)
        refused = self.daemon.nines("ledger", "repair", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("daemon", refused.stderr)
        live = str(self.daemon.state_dir / "ledger.db")
        refused = self.daemon.nines("ledger", "repair", "--ledger", live, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("daemon", refused.stderr)
        aside = live + ".corrupt-20261126T000000Z"
        with sqlite3.connect(live) as source, sqlite3.connect(aside) as other:
            source.backup(other)
            other.execute("INSERT INTO merged_intervals VALUES ('x', 'nowhere', 1, 1, 'because')")
        done = json.loads(self.daemon.nines("--json", "ledger", "repair", "--ledger", aside).stdout)
        self.assertIn(".corrupt-", done["set_aside"])
        refused = self.daemon.nines("import", "--ledger", str(copy), str(self.daemon.home),
                                    check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("s a directory", refused.stderr.lower())
        for never in ("2099-01-01T00:00:00Z", "1700-01-01T00:00:00Z"):
            asked = self.daemon.nines("why", "--since", never, check=False)
            self.assertEqual(asked.returncode, 2 if never > "2026" else 0, asked.stderr)
            self.assertNotIn("-", asked.stdout.split(",")[0])
        with open(copy, "r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xa5" * 4096)
        self.assertEqual(
            self.daemon.nines("ledger", "check", "--ledger", str(copy), check=False).returncode, 1)
        done = json.loads(self.daemon.nines("--json", "ledger", "repair", "--ledger",
                                            str(copy)).stdout)
        self.assertIn(".corrupt-", done["set_aside"])
        self.daemon.nines("ledger", "check", "--ledger", str(copy))

    def test_an_import_that_waits_keeps_nobody_waiting(self):
        unit, port = self.server("web")
        self.daemon.start(unit)
        self.daemon.wait_main_pid(unit)
        command = [harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), "import", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as importer:
            try:
                wait_until(lambda: self.holds_ledger(importer.pid), "it has the ledger open")
                self.crash(port, "SIGKILL")
                self.closed_intervals(unit, 1)
            finally:
                importer.stdin.close()
                importer.wait()
        self.assertEqual(importer.returncode, 0)

    def holds_ledger(self, pid):
        with os.scandir(f"/proc/{pid}/fd") as entries:
            return any(".lines-" in os.readlink(entry.path) for entry in entries)

    def test_a_repair_keeps_the_daemon_out_and_may_be_killed(self):
        unit, port = self.server("web")
        self.daemon.start(unit)
        self.crash(port, "SIGKILL")
        self.closed_intervals(unit, 1)
        self.daemon.stop()
        before = self.daemon.intervals(unit)
        live = self.daemon.state_dir / "ledger.db"
        with sqlite3.connect(live) as database:
            database.execute("INSERT INTO merged_intervals VALUES ('x', 'nowhere', 1, 1, 'because')")
        # It stands still with the damaged one set aside, and nothing in its place yet.
        repair = subprocess.Popen(
            [harness.binary("nines"), "ledger", "repair", "--ledger", str(live)],
            env={**os.environ, "NINES_FAULT": "quarantine_renamed:stall"})
        try:
            wait_until(lambda: not live.exists(), "it is set aside", step_s=0.002)
            repair.send_signal(signal.SIGSTOP)
            self.assertFalse(live.exists())
            refused = self.daemon.start(wait=False)
            self.assertNotEqual(refused.wait(timeout=harness.DEADLINE_S), 0)
            self.assertIn(f"{repair.pid}: nines ledger repair", self.daemon.log_path.read_text())
        finally:
            repair.kill()
            repair.wait()
        self.daemon.start()
        self.assertEqual(self.daemon.intervals(unit), before)
        self.assertIn("sound", self.daemon.nines("ledger", "check").stdout)


if __name__ == "__main__":
    harness.main()
