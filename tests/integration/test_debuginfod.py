"""Debug files from a debuginfod server: a program without its symbols, and one that is not on this
machine; and servers that are gone, slow or lie."""

import http.server
import os
import subprocess
import threading
import unittest

import harness
from harness import wait_until
from test_crash_zoo import Compared, crash

_SOURCE = r"""
#include <unistd.h>
static int *volatile nowhere;
static __attribute__((noinline)) int step_inside(int depth) {
  if (depth == 0) *nowhere = 1;
  return depth == 0 ? 0 : step_inside(depth - 1) + 1;
}
int main(int argc, char **argv) { return step_inside(argc + 2); }
"""


class Lying(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"\x7fELF\2\1\1" + os.urandom(5000))

    def log_message(self, *_):
        pass


class Silent(Lying):
    done = None

    def do_GET(self):
        self.done.wait(harness.DEADLINE_S)


class Debuginfod(Compared):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for program in ("debuginfod", "debuginfod-find", "gcc", "objcopy", "strip"):
            harness.need_program(program)

    def setUp(self):
        super().setUp()
        self.served = self.dir / "served"
        self.served.mkdir()
        source = self.dir / "victim.c"
        source.write_text(_SOURCE)
        self.program = self.dir / "victim"
        subprocess.run(["gcc", "-g", "-O1", "-fno-optimize-sibling-calls", "-o", self.program, source],
                       check=True)
        whole = self.served / "victim"
        whole.write_bytes(self.program.read_bytes())
        whole.chmod(0o755)
        subprocess.run(["strip", "--strip-all", self.program], check=True)
        self.core = crash([str(self.program)], self.dir / "run")

    def diagnose(self, url, **more):
        return self.run_with(url, harness.binary("nines-diagnose"), "--text", "--full", self.core, **more)

    def run_with(self, url, *command, **more):
        environment = {"PATH": os.environ["PATH"], "DEBUGINFOD_URLS": url,
                       "DEBUGINFOD_CACHE_PATH": str(self.dir / "cache"), **more}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=harness.DEADLINE_S * 3, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def serve(self):
        """@return the address of a server that knows the files."""
        port = harness.free_port()
        server = subprocess.Popen(
            ["debuginfod", "-p", str(port), "-d", ":memory:", "-F", str(self.served)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]})
        self.addCleanup(lambda: (server.kill(), server.wait()))
        return f"http://127.0.0.1:{port}"

    def serve_badly(self, handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(lambda: (server.shutdown(), thread.join(), server.server_close()))
        return f"http://127.0.0.1:{server.server_port}"

    def test_lines_of_a_program_without_symbols(self):
        self.assertNotIn("step_inside", self.diagnose(""))
        url = self.serve()
        # It has to read its files first.
        wait_until(lambda: "victim.c:5" in self.diagnose(url, DEBUGINFOD_CACHE_PATH=str(
            self.dir / f"cache{os.urandom(4).hex()}")), "the server's file is used")
        text = self.diagnose(url)
        self.assertIn("step_inside", text)
        self.assertIn("victim.c:5", text)
        shown = self.run_with(url, harness.binary("nines"), "crash", "show", "--core", self.core)
        self.assertIn("victim.c:5", shown)

    def test_a_program_that_is_not_on_this_machine(self):
        url = self.serve()
        self.program.unlink()
        self.assertNotIn("step_inside", self.diagnose(""))
        wait_until(lambda: "step_inside" in self.diagnose(url, DEBUGINFOD_CACHE_PATH=str(
            self.dir / f"cache{os.urandom(4).hex()}")), "the server's file is used")
        self.assertIn("main", self.diagnose(url))

    def test_a_server_that_is_gone(self):
        text = self.diagnose(f"http://127.0.0.1:{harness.free_port()}")
        self.assertIn("victim", text)
        self.assertNotIn("step_inside", text)

    def test_a_server_that_lies(self):
        text = self.diagnose(self.serve_badly(Lying))
        self.assertIn("victim", text)
        self.assertNotIn("step_inside", text)

    def test_a_server_that_says_nothing(self):
        Silent.done = threading.Event()
        self.addCleanup(Silent.done.set)
        text = self.diagnose(self.serve_badly(Silent), DEBUGINFOD_TIMEOUT="1")
        self.assertIn("victim", text)


if __name__ == "__main__":
    harness.main()
