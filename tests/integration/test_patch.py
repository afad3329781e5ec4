"""Live patches from end to end: made of a source tree and a diff, applied to stripped servers while they
serve, reverted. Not one request fails."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time

import harness
import harness_env
from harness import wait_until

SERVER = r"""
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "answer.h"
static void* serve(void* at) {
  int fd = (int)(long)at;
  char line[256], reply[64];
  ssize_t n;
  while ((n = read(fd, line, sizeof line - 1)) > 0) {
    line[n] = 0;
    int size = snprintf(reply, sizeof reply, "%d\n", answer(line));
    if (write(fd, reply, size) != size) break;
  }
  close(fd);
  return 0;
}
int main(int argc, char** argv) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in to = {AF_INET, htons(atoi(argv[argc - 1])), {htonl(INADDR_LOOPBACK)}};
  if (bind(listener, (struct sockaddr*)&to, sizeof to) || listen(listener, 64)) return 1;
  for (;;) {
    pthread_t thread;
    long fd = accept(listener, 0, 0);
    if (fd >= 0 && !pthread_create(&thread, 0, serve, (void*)fd)) pthread_detach(thread);
  }
}
"""
ANSWER = r"""
#include "answer.h"
#include <stdlib.h>
#include <string.h>
static int asked;
int limit = 100;
static __attribute__((noinline)) int length_of(const char* text) { return (int)strlen(text); }
int answer(const char* text) {
  ++asked;
  int n = length_of(text);
  return n > limit ? -1 : 1000 + n;
}
"""
MAKEFILE = "all: server\nserver: server.o answer.o\n\tcc -o $@ $^ -lpthread\n%.o: %.c\n\tcc -O2 -g -c -o $@ $<\n"
FIX = """--- a/answer.c
+++ b/answer.c
@@ -9,5 +9,5 @@
   ++asked;
   int n = length_of(text);
-  return n > limit ? -1 : 1000 + n;
+  return n > limit ? -1 : 2000 + n;
 }
"""
LIVE = FIX.replace("+  return n > limit ? -1 : 2000 + n;", "+  static __thread int a; return n > limit ? a++ : 2000 + n;")


def maps_of(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        return maps.read()


class Client(threading.Thread):
    """Asks without a pause, and remembers each answer."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=harness.DEADLINE_S)
        self.answers, self.error, self._over = [], None, False

    def run(self):
        try:
            while not self._over:
                self._socket.sendall(b"hello\n")
                self.answers.append(int(self._socket.recv(64)))
        except (OSError, ValueError) as error:
            self.error = error

    def end(self):
        self._over = True
        self.join(timeout=harness.DEADLINE_S)
        self._socket.close()


class Patch(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        harness_env.need_root()
        for program in ("cc", "make", "patch", "strip"):
            harness.need_program(program)
        self.source = self.daemon.work / "source"
        self.source.mkdir()
        for name, text in (("server.c", SERVER), ("answer.c", ANSWER), ("Makefile", MAKEFILE),
                           ("answer.h", "int answer(const char*);\n")):
            (self.source / name).write_text(text)
        (self.daemon.work / "fix.patch").write_text(FIX)
        # Installed from elsewhere, and stripped, as a distribution does it.
        self.program = self.daemon.work / "installed-server"
        build = self.daemon.work / "elsewhere"
        shutil.copytree(self.source, build)
        subprocess.run(["make", "-s"], cwd=build, check=True)
        subprocess.run(["strip", "-o", self.program, build / "server"], check=True)
        self.nlp = str(self.daemon.work / "fix.nlp")

    def nines(self, *arguments, code=0):
        done = subprocess.run([harness.binary("nines"), *arguments], capture_output=True, text=True,
                              timeout=120, check=False, cwd=self.daemon.work)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def build(self, diff="fix.patch", code=0, *more):
        return self.nines("patch", "build", "--source", str(self.source), "--diff", diff, "--build",
                          "make", "--binary", str(self.program), "-o", self.nlp, *more, code=code)

    def start(self):
        port = harness.free_port()
        process = subprocess.Popen([self.program, str(port)], stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.kill(), process.wait()))

        def connected():
            try:
                return Client(port)
            except OSError:
                return None
        client = wait_until(connected, "it serves")
        client.start()
        self.addCleanup(client.end)
        return process, client

    def patched(self):
        return json.loads(self.nines("--json", "patch", "list"))["patches"]

    def test_apply_and_revert_while_it_serves(self):
        said = self.build()
        self.assertIn("answer.c\n  replaces  answer\n", said)
        self.assertIn("replaces  answer", self.nines("patch", "inspect", self.nlp))
        servers = [self.start() for _ in range(3)]
        pids = {process.pid for process, _ in servers}
        before = {pid: maps_of(pid) for pid in pids}
        dry = json.loads(self.nines("--json", "patch", "apply", self.nlp, "--all", "--dry-run"))
        self.assertEqual({p["pid"] for p in dry["processes"]}, pids)
        self.assertEqual(self.patched(), [])
        done = json.loads(self.nines("--json", "patch", "apply", self.nlp, "--all", "--unsigned"))
        self.assertEqual({p["pid"] for p in done["processes"]}, pids)
        for _, client in servers:
            wait_until(lambda c=client: c.answers[-1] == 2006, "the new code answers")
        self.assertEqual({(p["pid"], p["state"], *p["functions"]) for p in self.patched()},
                         {(pid, "applied", "answer") for pid in pids})
        self.assertIn("exist", self.nines("patch", "apply", self.nlp, "--pid", str(min(pids)),
                                          "--unsigned", code=1))
        self.nines("patch", "revert", "fix", "--all")
        for _, client in servers:
            wait_until(lambda c=client: c.answers[-1] == 1006, "the old code answers")
        self.assertEqual(self.patched(), [])
        for process, client in servers:
            client.end()
            self.assertIsNone(client.error)
            self.assertEqual(set(client.answers), {1006, 2006})
            self.assertIsNone(process.poll())
            self.assertEqual(maps_of(process.pid), before[process.pid])

    def test_fifty_rounds_under_load(self):
        self.build()
        process, client = self.start()
        pid = str(process.pid)
        fds = len(os.listdir(f"/proc/{pid}/fd"))
        for _ in range(50):
            self.nines("patch", "apply", self.nlp, "--pid", pid, "--unsigned")
            self.nines("patch", "revert", "fix", "--pid", pid)
        seen = len(client.answers)
        wait_until(lambda: len(client.answers) > seen + 100, "it serves on")
        self.assertIsNone(client.error)
        self.assertEqual(len(os.listdir(f"/proc/{pid}/fd")), fds)
        self.assertNotIn("nines-patch", maps_of(pid))

    def test_refusals(self):
        (self.daemon.work / "live.patch").write_text(LIVE)
        self.assertIn("thread-local", self.build("live.patch", 1))
        self.assertFalse(os.path.exists(self.nlp))
        (self.daemon.work / "bad.patch").write_text(FIX.replace("-  return n > limit", "-  return n < limit"))
        self.assertIn("bad.patch", self.build("bad.patch", 1))
        self.build()
        self.assertIn("--force", self.build(code=1))
        process, client = self.start()
        pid = str(process.pid)
        self.assertIn("no signature", self.nines("patch", "apply", self.nlp, "--pid", pid, code=4))
        self.assertIn("to which processes", self.nines("patch", "apply", self.nlp, code=1))
        self.assertIn("runs nothing", self.nines("patch", "apply", self.nlp, "--unsigned", "--pid",
                                                 str(os.getpid()), code=5))
        self.assertIn("no such patch", self.nines("patch", "revert", "fix", "--pid", pid, code=5))
        with open(self.nlp, "r+b") as file:
            file.truncate(os.path.getsize(self.nlp) - 10)
        self.assertIn("cut off", self.nines("patch", "apply", self.nlp, "--unsigned", "--pid", pid,
                                            code=1))
        seen = len(client.answers)
        wait_until(lambda: len(client.answers) > seen + 10, "it serves on")
        self.assertEqual(set(client.answers), {1006})

    def test_a_program_of_other_flags_is_not_touched(self):
        other = self.daemon.work / "other"
        shutil.copytree(self.source, other)
        (other / "Makefile").write_text(MAKEFILE.replace("-O2", "-O1"))
        subprocess.run(["make", "-s"], cwd=other, check=True)
        self.program = other / "server"
        self.assertIn("nothing of what changes", self.build(code=5))

    def test_a_traced_process_is_left_alone(self):
        self.build()
        process, client = self.start()
        gdb = subprocess.Popen([harness.need_program("gdb"), "-nx", "-q", "-p", str(process.pid)],
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (gdb.kill(), gdb.wait()))

        def traced():
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                return f"TracerPid:\t{gdb.pid}\n" in status.read()
        wait_until(traced, "gdb has it")
        started = time.monotonic()
        self.assertIn("traces it", self.nines("patch", "apply", self.nlp, "--pid", str(process.pid),
                                              "--unsigned", "--within", "2", code=1))
        self.assertLess(time.monotonic() - started, 60)
        self.assertEqual(self.patched(), [])
        gdb.stdin.close()
        gdb.wait(timeout=harness.DEADLINE_S)
        seen = len(client.answers)
        wait_until(lambda: len(client.answers) > seen, "it serves on")
        self.assertIsNone(client.error)


if __name__ == "__main__":
    harness.main()
