"""Crashes end to end: core_pattern leads to ninesd's socket, units come back while the kernel still
waits, and each crash is in a directory and an event of its own."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import harness
import harness_env
from harness import alive, kill, wait_until
from harness_core import CrashTest, held_echo

NO_LIMIT = "LimitCORE=infinity"


class Units(CrashTest):
    def start_redis(self, nines=""):
        server = harness.need_program("redis-server")
        port = harness.free_port()
        name = self.daemon.service(
            "redis", f"Type=notify\n{NO_LIMIT}\nRestart=always\n"
            f'ExecStart={server} --bind 127.0.0.1 --port {port} --save "" --daemonize no '
            "--supervised systemd --enable-debug-command yes\n", nines=nines)
        self.start_daemon(name)
        self.daemon.wait_state(name, "running")
        return name, port

    def ask(self, port, words):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(words.encode() + b"\r\n")
            return client.recv(64)

    def test_redis_segfault(self):
        name, port = self.start_redis()
        pid = self.daemon.wait_main_pid(name)
        try:
            self.ask(port, "DEBUG SEGFAULT")
        except OSError:
            pass
        new = self.daemon.wait_main_pid(name, other_than=pid)
        self.assertEqual(wait_until(lambda: self.ask(port, "PING"), "it answers"), b"+PONG\r\n")
        event, = self.captured(1, pid=pid)
        self.assertEqual(event["subject"], name)
        # Debian's redis-server is a link to it.
        self.assertIn(event["detail"]["program"], ("redis-check-rdb", "redis-server"))
        facts = self.assert_whole(event["detail"]["directory"])
        self.assertEqual(facts["pid"], pid)
        self.assertEqual(facts["threads"][0]["name"], "redis-server")
        end = wait_until(lambda: self.daemon.events(name, "unit.exit"), "its end is an event")[0]
        self.assertEqual(event["caused_by"], end["id"])
        self.assertNotEqual(new, pid)
        trace = subprocess.run(
            [harness.need_program("gdb"), "-nx", "-q", "-batch", "-ex", "bt",
             f"/proc/{new}/exe", event["detail"]["directory"] + "/core"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        self.assertRegex(trace, r"#0 ")
        self.assertIn("#5 ", trace)
        self.assert_nothing_left()

    def test_the_successor_answers_while_the_victim_waits(self):
        """nines-crash is held back; the one that crashed is still there when its successor serves."""
        name, held, port = held_echo(self.daemon)
        self.start_daemon(held, name, env={"NINES_FAULT": "crash_directory_made:stall"})
        pid = self.daemon.wait_main_pid(name)
        kill(pid, signal.SIGSEGV)
        with harness.EchoClient(port) as client:
            self.assertNotEqual(client.pid(), pid)
        self.assertTrue(alive(pid), "it is still being looked at")
        event, = self.captured(1, pid=pid)
        crash, = self.daemon.events(name, "unit.crash")
        self.assertEqual(event["caused_by"], crash["id"])
        self.assertEqual(self.assert_whole(event["detail"]["directory"])["pid"], pid)
        wait_until(lambda: not alive(pid), "it is let go")

    def test_the_core_socket_is_notice_enough(self):
        """Also where the kernel tells nobody of its processes, as in a network namespace."""
        name, held, port = held_echo(self.daemon)
        unshare = harness.need_program("unshare")
        up = "ip link set lo up && exec \"$@\""
        self.daemon.start(held, name, command_prefix=[unshare, "-n", "sh", "-c", up, "sh"])
        self.assertTrue(self.daemon.events(kind="daemon.no-crash-notice"))
        self.point_kernel_at_us()
        pid = self.daemon.wait_main_pid(name)
        kill(pid, signal.SIGSEGV)
        self.daemon.wait_main_pid(name, other_than=pid)
        crash, = self.daemon.wait_event("unit.crash", name)
        self.assertEqual(crash["detail"]["notice"], "core socket")
        self.captured(1, pid=pid)

    def test_a_helper_process_is_of_its_unit(self):
        harness.cgroup2_mount()
        name = self.daemon.service(
            "parent", f"{NO_LIMIT}\nExecStart=/bin/sh -c "
            f"'{harness.target('crash_threads')} 1 1; exec sleep 1000000'")
        self.start_daemon()
        self.daemon.act_ok("start", name)
        event, = self.captured(1)
        self.assertEqual(event["subject"], name)
        self.assertNotIn("caused_by", {k: v for k, v in event.items() if v})
        self.assertEqual(self.daemon.unit(name)["restarts"], 0)


class Others(CrashTest):
    def test_a_foreign_process(self):
        self.start_daemon()
        process = self.crash_elsewhere()
        event, = self.captured(1, pid=process.pid)
        self.assertEqual(event["subject"], "crash_threads")
        self.assertEqual(event["detail"]["signal"], "SEGV")
        self.assertEqual(self.assert_whole(event["detail"]["directory"])["pid"], process.pid)
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        self.assert_nothing_left()

    def test_somebody_who_only_connects(self):
        self.start_daemon()
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.daemon.run_dir / "core.sock"))
                client.settimeout(harness.DEADLINE_S)
                self.assertEqual(client.recv(1), b"", "it is sent away")
        process = self.crash_elsewhere()
        self.captured(1, pid=process.pid)
        self.assertEqual(self.daemon.events(kind="crash.failed"), [])
        self.assertEqual((self.daemon.run_dir / "core.sock").stat().st_mode & 0o777, 0o600)

    def test_a_storm_of_thirty(self):
        self.start_daemon()
        pids = {self.crash_elsewhere().pid for _ in range(30)}
        events = self.captured(30)
        self.assertEqual({int(e["detail"]["pid"]) for e in events}, pids)
        self.assertEqual(len(list(self.store.iterdir())), 30)
        for event in events:
            self.assert_whole(event["detail"]["directory"])
        for kind in ("crash.failed", "crash.rejected"):
            self.assertEqual(self.daemon.events(kind=kind), [])
        self.assert_nothing_left()

    def test_more_than_can_wait_are_counted(self):
        """Each look takes a second; of 100 at once 3 are looked at and 64 wait."""
        self.start_daemon(env={"NINES_FAULT": "crash_directory_made:stall"})
        count = 100
        for _ in range(count):
            self.crash_elsewhere()

        def all_told():
            rejected = sum(int(e["detail"]["count"])
                           for e in self.daemon.events(kind="crash.rejected"))
            kept = len(self.daemon.events(kind="crash.captured"))
            return rejected if rejected + kept == count else None
        rejected = wait_until(all_told, "each is kept or counted", deadline_s=90)
        self.assertGreater(rejected, 0)
        self.assertLessEqual(rejected, count - 67)
        self.assertEqual(self.daemon.events(kind="crash.failed"), [])
        for process in self.started:
            self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)

    def test_a_full_disk(self):
        self.store.mkdir(parents=True)
        # Not in a mount namespace of its own: from there the kernel takes no such pattern.
        harness_env.mount("tmpfs", self.store, "size=48k,mode=700")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.store)], check=True)
        self.start_daemon()
        process = self.crash_elsewhere(harness.target("crash_threads"), "16", "1")
        event, = self.captured(1, "crash.failed", pid=process.pid)
        self.assertIn("No space left", event["detail"]["error"])
        process.wait(timeout=harness.DEADLINE_S)
        self.assertEqual(list(self.store.iterdir()), [])
        self.assert_nothing_left()


class Privileged(CrashTest):
    """What changed its privileges is for root alone, and said to be."""

    def test_a_set_uid_program(self):
        suid_dumpable = Path("/proc/sys/fs/suid_dumpable")
        before = suid_dumpable.read_text()
        self.addCleanup(suid_dumpable.write_text, before)
        suid_dumpable.write_text("2")
        program = self.daemon.work / "set_uid"
        program.write_bytes(Path(harness.target("crash_threads")).read_bytes())
        os.chown(program, 12345, 12345)
        program.chmod(0o4755)
        for directory in (self.daemon.home, self.daemon.work):
            directory.chmod(0o755)
        self.start_daemon()
        process = self.crash_elsewhere(*harness_env.as_ordinary_user(), str(program), "1", "1")
        event, = self.captured(1, pid=process.pid)
        self.assertIn("root alone", event["detail"]["for"])
        self.assertFalse(self.assert_whole(event["detail"]["directory"])["for_owner"])
        ordinary = self.crash_elsewhere(*harness_env.as_ordinary_user(),
                                        harness.target("crash_threads"), "1", "1")
        event, = self.captured(1, pid=ordinary.pid)
        self.assertNotIn("for", event["detail"])
        # Its own uid, too, cannot read what was its own: nothing is handed out yet.
        self.assertTrue(self.assert_whole(event["detail"]["directory"])["for_owner"])


if __name__ == "__main__":
    harness.main()
