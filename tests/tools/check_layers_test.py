#!/usr/bin/python3
"""The include graph's rules: which arrows pass, which fail, and with which words."""

import io
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from loading import load_tool

check_layers = load_tool("check-layers")

# file, include line, rule it breaks (None: allowed)
CASES = (
    ("sys/file.cc", '#include "base/result.h"', None),
    ("sys/file.cc", '#include "sys/file.h"', None),
    ("base/clock.cc", '#include "sys/file.h"', "arrow"),
    ("sys/file.cc", '#include "ledger/event.h"', "arrow"),
    ("elf/reader.cc", '#include "sys/file.h"', "arrow"),
    ("trace/stop.cc", '#include "elf/reader.h"', None),
    ("trace/stop.cc", '#include "ledger/event.h"', "arrow"),
    ("ledger/store.cc", '#include "sys/file.h"', None),
    ("ledger/store.cc", '#include "keeper/protocol.h"', "arrow"),
    ("keeper/keeper.cc", '#include "sys/spawn.h"', None),
    ("keeper/keeper.cc", '#include "ledger/event.h"', "arrow"),
    ("keeper/keeper.cc", '#include "app/unit/spec.h"', "arrow"),
    ("app/unit/loader.cc", '#include "ledger/event.h"', None),
    ("app/unit/loader.cc", '#include "app/unit/spec.h"', None),
    ("app/unit/loader.cc", '#include "app/supervise/manager.h"', "arrow"),
    ("app/supervise/manager.cc", '#include "app/unit/spec.h"', None),
    ("app/supervise/link.cc", '#include "keeper/protocol.h"', None),
    ("app/crash/report.cc", '#include "app/unit/spec.h"', "arrow"),
    ("app/crash/report.cc", '#include "keeper/protocol.h"', "arrow"),
    ("app/livepatch/apply.cc", '#include "os/livepatch/load.h"', "arrow"),
    ("hw/migrate/send.cc", '#include "app/supervise/manager.h"', "arrow"),
    ("hw/migrate/send.cc", '#include "trace/stop.h"', None),
    ("matrix/probe.cc", '#include "hw/migrate/send.h"', None),
    ("policy/rules.cc", '#include "ledger/event.h"', None),
    ("policy/rules.cc", '#include "sys/file.h"', "arrow"),
    ("app/unit/loader.cc", '#include "matrix/probe.h"', "arrow"),
    ("api/types.cc", '#include "app/supervise/manager.h"', None),
    ("api/types.cc", '#include "daemon/server.h"', "arrow"),
    ("daemon/server.cc", '#include "keeper/protocol.h"', None),
    ("daemon/server.cc", '#include "cli/main.h"', "arrow"),
    ("cli/main.cc", '#include "daemon/server.h"', "arrow"),
    ("cli/main.cc", '#include "api/types.h"', None),
    # How an include is written
    ("sys/file.cc", '#include "file.h"', "room"),
    ("sys/file.cc", '#include "../base/result.h"', "room"),
    ("sys/file.cc", '#  include "ledger/event.h"', "arrow"),
    ("sys/file.cc", '// #include "ledger/event.h"', None),
    ("sys/file_test.cc", '#include "tests/support/temporary.h"', None),
    ("sys/file.cc", '#include "tests/support/temporary.h"', "room"),
    ("attic/old.cc", '#include <vector>', "room"),
    ("app/stray.cc", '#include <vector>', "room"),
    # Headers with one home
    ("ledger/store.cc", "#include <sqlite3.h>", None),
    ("daemon/server.cc", "#include <sqlite3.h>", "sole-includer"),
    ("sys/event_loop.cc", "#include <boost/asio/io_context.hpp>", None),
    ("daemon/server.cc", "#include <boost/beast/http.hpp>", None),
    ("api/client_stream.h", "#include <boost/asio/buffer.hpp>", None),
    ("api/types.cc", "#include <boost/beast/http.hpp>", "sole-includer"),
    ("app/supervise/health.cc", "#include <boost/asio.hpp>", "sole-includer"),
    ("sys/event_loop.h", "#include <boost/asio/io_context.hpp>", "sole-includer"),
    ("cli/main.cc", "#include <CLI/CLI.hpp>", None),
    ("api/types.cc", "#include <CLI/CLI.hpp>", "sole-includer"),
    ("base/log.cc", "#include <spdlog/spdlog.h>", None),
    ("daemon/main.cc", "#include <spdlog/spdlog.h>", "sole-includer"),
    ("app/supervise/manager.cc", '#include "base/log.h"', "sole-includer"),
    ("daemon/main.cc", '#include "base/log.h"', None),
    ("elf/reader.cc", "#include <elf.h>", None),
    ("elf/reader.cc", "#include <unistd.h>", "sole-includer"),
    ("elf/reader.cc", "#include <sys/mman.h>", "sole-includer"),
    ("sys/file.cc", "#include <sys/mman.h>", None),
)


class CheckLayers(unittest.TestCase):
    def test_table(self):
        for path, include, rule in CASES:
            with self.subTest(path=path, include=include):
                rules = [violation.rule for violation in check_layers.check_file(path, include)]
                self.assertEqual(rules, [rule] if rule else [])

    def test_arrows_have_no_cycle(self):
        """Whatever may be included, directly or not, must not be able to include us back."""
        rooms = sorted(check_layers.ALLOWED)

        def reachable(room, seen):
            for target in check_layers.ALLOWED[room]:
                if target not in seen:
                    seen.add(target)
                    reachable(target, seen)
            return seen

        for room in rooms:
            self.assertNotIn(room, reachable(room, set()), room)

    def test_message_names_place_and_way_out(self):
        found = check_layers.check_file("base/a.cc", '\n\n#include "sys/file.h"')
        self.assertEqual(str(found[0]), "src/base/a.cc:3: [arrow] base must not include sys "
                                        "(sys/file.h); it may include: nothing")

    def test_tree_decides_the_exit_code(self):
        with tempfile.TemporaryDirectory() as directory:
            room = Path(directory) / "src" / "base"
            room.mkdir(parents=True)
            (room / "a.h").write_text("#include <vector>\n", encoding="utf-8")
            self.assertEqual(self.run_main(directory), 0)
            (room / "b.h").write_text('#include "cli/main.h"\n', encoding="utf-8")
            self.assertEqual(self.run_main(directory), 1)
            self.assertEqual(self.run_main(directory + "/src"), 2)

    @staticmethod
    def run_main(directory):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return check_layers.main([directory])


if __name__ == "__main__":
    unittest.main()
