"""Each process of ours killed while a crash is taken down: nobody hangs, nothing is half, all is said."""

import re
import signal
from pathlib import Path

import harness
from harness import alive, kill, wait_until
from harness_core import CrashTest


class Kills(CrashTest):
    def crash_with(self, fault):
        """One crash with the fault armed. @return pid."""
        token = self.daemon.work / "token"
        self.start_daemon(env={"NINES_FAULT": f"{fault}:kill@*", "NINES_FAULT_TOKEN": str(token)})
        token.touch()
        process = self.crash_elsewhere()
        wait_until(lambda: not token.exists(), f"{fault} fires")
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        return process.pid

    def afterwards(self):
        """The next one is kept, and then nothing is left of the first."""
        wait_until(lambda: self.daemon.status(), "the daemon answers")
        process = self.crash_elsewhere()
        self.captured(1, pid=process.pid)
        self.assert_nothing_left()

    def nines_crash(self, fault):
        pid = self.crash_with(fault)
        event, = self.captured(1, "crash.failed", pid=pid)
        self.assertIn("KILL", event["detail"]["error"])
        self.assertEqual(self.daemon.events(kind="crash.captured"), [])
        self.afterwards()

    def test_kill_crash_directory_made(self):
        self.nines_crash("crash_directory_made")

    def test_kill_crash_core_written(self):
        self.nines_crash("crash_core_written")

    def test_kill_crash_facts_written(self):
        self.nines_crash("crash_facts_written")

    def test_kill_crash_kept(self):
        """All was there by then: it counts."""
        pid = self.crash_with("crash_kept")
        event, = self.captured(1, pid=pid)
        self.assert_whole(event["detail"]["directory"])
        self.afterwards()

    def examined(self, fault):
        """It is kept already; what was found out about it by then counts. @return the event's detail."""
        pid = self.crash_with(fault)
        event, = self.captured(1, pid=pid)
        self.assert_whole(event["detail"]["directory"])
        counted = list(self.daemon.state_dir.glob("crash-signatures/*.json"))
        self.afterwards()
        return event["detail"], len(counted)

    def test_kill_crash_diagnosed(self):
        detail, counted = self.examined("crash_diagnosed")
        self.assertNotIn("what", detail)
        self.assertFalse((Path(detail["directory"]) / "diagnosis.json").exists())
        self.assertEqual(counted, 0)

    def test_kill_crash_diagnosis_written(self):
        detail, counted = self.examined("crash_diagnosis_written")
        self.assertTrue((Path(detail["directory"]) / "diagnosis.json").exists())
        self.assertEqual(counted, 0)

    def test_kill_crash_examined(self):
        detail, counted = self.examined("crash_examined")
        self.assertEqual((detail["what"], detail["same"]), ("null-dereference", "1"))
        self.assertEqual(counted, 1)

    def test_kill_core_accepted(self):
        """In these microseconds nobody knows of it but the kernel, which says so in its log."""
        self.crash_with("core_accepted")
        self.afterwards()
        self.assertEqual(len(self.daemon.events(kind="crash.captured")), 1)

    def daemon_killed(self, fault):
        pid = self.crash_with(fault)
        event, = self.captured(1, pid=pid)
        self.assert_whole(event["detail"]["directory"])
        self.afterwards()
        self.assertEqual(len(self.daemon.events(kind="crash.captured")), 2, "each once")
        self.assertEqual(self.daemon.events(kind="crash.failed"), [])

    def test_kill_core_recorded(self):
        self.daemon_killed("core_recorded")

    def test_kill_core_handed(self):
        self.daemon_killed("core_handed")

    def test_kill_core_kept(self):
        self.daemon_killed("core_kept")

    def test_every_point_has_a_test(self):
        text = (Path(__file__).resolve().parents[2] / "src/base/fault_points.def").read_text()
        for point in re.findall(r"^NINES_FAULT_POINT\(((?:core|crash)_\w+)\)", text, re.M):
            self.assertTrue(hasattr(self, f"test_kill_{point}"), point)

    def test_worker_killed_while_it_is_looked_at(self):
        self.start_daemon(env={"NINES_FAULT": "crash_directory_made:stall"})
        process = self.crash_elsewhere()
        wait_until(lambda: any(self.store.glob("*.part")), "somebody looks at it")
        worker = self.daemon.status()["pid"]
        self.daemon.kill_worker()
        self.daemon.wait_new_worker(worker)
        event, = self.captured(1, pid=process.pid)
        self.assert_whole(event["detail"]["directory"])
        self.assert_nothing_left()

    def test_worker_killed_while_some_wait(self):
        """They are held by the keeper meanwhile, and taken up by the successor."""
        self.start_daemon(env={"NINES_FAULT": "crash_directory_made:stall"})
        pids = {self.crash_elsewhere().pid for _ in range(10)}
        records = self.daemon.run_dir / "crashes"
        wait_until(lambda: len(list(records.iterdir())) == 10, "all are known")
        worker = self.daemon.status()["pid"]
        self.daemon.kill_worker()
        self.daemon.wait_new_worker(worker)
        self.assertEqual({int(e["detail"]["pid"]) for e in self.captured(10)}, pids)
        self.assertEqual(self.daemon.events(kind="crash.failed"), [])
        self.assert_nothing_left()

    def test_nobody_there_for_a_while(self):
        """The worker is stopped, then killed: the kernel's connection waits in the keeper's socket."""
        self.start_daemon()
        worker = self.daemon.status()["pid"]
        kill(worker, signal.SIGSTOP)
        process = self.crash_elsewhere()
        wait_until(lambda: Path(f"/proc/{process.pid}/status").read_text().count(
            "CoreDumping:\t1"), "it is being dumped")
        self.assertTrue(alive(process.pid))
        kill(worker)
        self.daemon.wait_new_worker(worker)
        self.captured(1, pid=process.pid)

    def test_an_upgrade_keeps_the_socket(self):
        self.start_daemon()
        self.daemon.nines("daemon", "reexec")
        process = self.crash_elsewhere()
        self.captured(1, pid=process.pid)
        worker = self.daemon.status()["pid"]
        self.daemon.kill_keeper()
        self.daemon.wait_new_worker(worker)
        process = self.crash_elsewhere()
        self.captured(1, pid=process.pid)

    def test_everything_killed(self):
        """The socket is gone with the keeper: the kernel lets the process go; nothing hangs."""
        self.start_daemon(env={"NINES_FAULT": "crash_directory_made:stall"})
        process = self.crash_elsewhere()
        wait_until(lambda: any(self.store.glob("*.part")), "somebody looks at it")
        self.daemon.kill_both()
        lost = self.crash_elsewhere()
        self.assertEqual(lost.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        self.daemon.start()
        # nines-crash went on without any daemon.
        self.captured(1, pid=process.pid)
        self.afterwards()


if __name__ == "__main__":
    harness.main()
