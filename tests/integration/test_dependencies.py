"""Units that need each other: order, what goes down and comes back together, what is said of cycles."""

import harness
from harness import kill, wait_until


class Dependencies(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.order_file = self.daemon.home / "order"

    def unit(self, name, unit="", service=""):
        """A server that notes when its start began and, from ExecStartPost=, when it was up."""
        return self.daemon.service(
            name, f"Type=exec\nExecStartPre=/bin/sh -c 'echo begin {name} >> {self.order_file}'\n"
            "ExecStart=/bin/sleep 1000000\n"
            f"ExecStartPost=/bin/sh -c 'echo up {name} >> {self.order_file}'\n"
            f"RestartSec=0\n{service}", unit=unit)

    def lines(self):
        return self.order_file.read_text().split("\n")[:-1] if self.order_file.exists() else []

    def test_requires_and_after(self):
        database = self.unit("database")
        cache = self.unit("cache")
        web = self.unit("web", "Requires=database.service\nWants=cache.service\n"
                        "After=database.service cache.service")
        self.daemon.start()
        self.daemon.act_ok("start", web)
        for name in (database, cache, web):
            self.daemon.wait_main_pid(name)
        lines = self.lines()
        for needed in ("database", "cache"):
            self.assertLess(lines.index(f"up {needed}"), lines.index("begin web"))

    def test_a_failed_requirement_fails_its_user_and_is_named(self):
        self.daemon.service("broken", "Type=oneshot\nExecStart=/bin/false")
        web = self.unit("web", "Requires=broken.service\nAfter=broken.service")
        self.daemon.start()
        done = self.daemon.nines("start", web, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("broken.service", done.stdout + done.stderr)
        self.assertEqual(self.lines(), [])

    def test_a_missing_requirement_is_named_with_who_needs_it(self):
        web = self.unit("web", "Requires=nowhere.service\nAfter=nowhere.service")
        self.daemon.start()
        done = self.daemon.nines("start", web, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nowhere.service", done.stdout + done.stderr)
        self.assertIn("web.service", done.stdout + done.stderr)

    def test_a_missing_wish_is_none(self):
        web = self.unit("web", "Wants=nowhere.service\nAfter=nowhere.service")
        self.daemon.start()
        self.daemon.act_ok("start", web)
        self.daemon.wait_main_pid(web)

    def test_binds_to_goes_down_and_comes_back(self):
        base = self.unit("base")
        bound = self.unit("bound", "BindsTo=base.service\nAfter=base.service")
        self.daemon.start()
        self.daemon.act_ok("start", bound)
        base_pid, bound_pid = self.daemon.wait_main_pid(base), self.daemon.wait_main_pid(bound)
        kill(base_pid)
        self.daemon.wait_main_pid(base, other_than=base_pid)
        self.daemon.wait_main_pid(bound, other_than=bound_pid)
        # And stopped with it, for as long as it is stopped.
        self.daemon.act_ok("stop", base)
        self.daemon.wait_state(bound, "stopped")
        self.assertEqual(self.daemon.processes_of(bound), [])

    def test_part_of_restarts_and_stops_along(self):
        group = self.unit("group")
        part = self.unit("part", "PartOf=group.service\nAfter=group.service")
        self.daemon.start()
        self.daemon.act_ok("start", group, part)
        pid = self.daemon.wait_main_pid(part)
        self.daemon.act_ok("restart", group)
        self.daemon.wait_main_pid(part, other_than=pid)
        self.daemon.act_ok("stop", group)
        self.daemon.wait_state(part, "stopped")

    def test_on_failure_starts_its_unit(self):
        told = self.daemon.home / "told"
        self.daemon.service("alarm", f"Type=oneshot\nExecStart=/bin/touch {told}")
        web = self.unit("web", "OnFailure=alarm.service", "Restart=no")
        self.daemon.start()
        self.daemon.act_ok("start", web)
        kill(self.daemon.wait_main_pid(web))
        self.daemon.wait_state(web, "failed")
        wait_until(told.exists, "OnFailure= ran")

    def test_an_ordering_cycle_is_broken_and_told(self):
        first = self.unit("first", "Wants=second.service\nAfter=second.service")
        second = self.unit("second", "After=first.service")
        self.daemon.start()
        self.daemon.act_ok("start", first, second)
        self.daemon.wait_main_pid(first)
        self.daemon.wait_main_pid(second)
        told = [event for event in self.daemon.events(kind="unit.ordering-cycle")]
        self.assertEqual(len(told), 1)
        self.assertEqual(told[0]["severity"], "warning")
        self.assertIn("After=", told[0]["detail"]["ignored"])


if __name__ == "__main__":
    harness.main()
