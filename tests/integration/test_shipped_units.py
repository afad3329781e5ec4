"""The unit files that Debian ships, as they are: each server is started, asked in its own protocol,
killed, reloaded and stopped, in namespaces where its usual ports and directories are free.

Only configuration files differ from the package's, and only where it ships none that can be served:
inside, /etc is a copy and what servers write to is empty, so that the host's own are neither read
nor harmed.
"""

import http.client
import os
import shutil
import socket
import struct
import subprocess
import sys
import unittest
from pathlib import Path

import harness
import harness_env
from harness import alive, kill, wait_until

UNITS = Path("/lib/systemd/system")
_INSIDE = "NINES_TEST_SHIPPED_INSIDE"
# A compiler or a cluster is run by some of the starts, on a machine that may be busy with others.
START_S = 60.0
CLUSTER = "nines"
CLUSTER_PORT = 54329
# What the servers write to: empty inside, but for the package's directories with owner and mode ...
_EMPTIED = ("/run", "/var/log", "/var/lib/redis", "/var/lib/nginx", "/var/lib/postgresql",
            "/var/lib/mosquitto", "/var/lib/tor", "/var/lib/varnish", "/var/spool/cron")
# ... or a copy: what is in there came with the package.
_COPIED = ("/etc", "/var/lib/unbound", "/var/lib/nsd", "/var/cache/lighttpd")


def path_of(unit):
    """Its own file, or its template's."""
    path = UNITS / unit
    return path if path.exists() or "@" not in unit else UNITS / (unit.split("@")[0] + "@.service")


# --- what is asked of each server; every one answers only while it serves --------------------------


def exchange(port, request, until, address="127.0.0.1"):
    """@return what the server sent until it contained `until`; raises OSError before that."""
    with socket.create_connection((address, port), timeout=5) as connection:
        if request:
            connection.sendall(request)
        answer = b""
        while until not in answer:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionResetError(f"port {port} closed after {answer[:100]!r}")
            answer += piece
        return answer


def http_get(port, path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def served_by(port, name, status=200, header="Server", path="/"):
    def ask():
        code, headers, _ = http_get(port, path)
        return code == status and name in headers.get(header, "").lower()
    return ask


def says(port, request, answer):
    return lambda: exchange(port, request, answer)


def dns(name, record_type=1, record_class=1):
    """A query over UDP. @return whether its response came: same id, QR bit set, known name."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = (struct.pack(">6H", 0x4e31, 0x0100, 1, 0, 0, 0) + question + b"\0" +
             struct.pack(">2H", record_type, record_class))

    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            client.connect(("127.0.0.1", 53))
            client.send(query)
            answer = client.recv(4096)
        number, flags, _, answers = struct.unpack(">4H", answer[:8])
        return number == 0x4e31 and flags & 0x8000 and flags & 0xF == 0 and answers == 1
    return ask


def select_1():
    done = subprocess.run(
        ["runuser", "-u", "postgres", "--", "psql", "-h", "/run/postgresql", "-p",
         str(CLUSTER_PORT), "-Atc", "SELECT 1"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, cwd="/")
    return done.stdout == "1\n"


class AtJob:
    """atd has no port: it serves when a job is run."""

    def __init__(self):
        self._count = 0
        self._proof = None

    def __call__(self):
        if self._proof is None:
            self._count += 1
            self._proof = Path(f"/run/at-job-{self._count}")
            done = subprocess.run(["at", "now"], input=f"touch {self._proof}\n", text=True,
                                  timeout=30, check=False, capture_output=True, cwd="/run")
            if done.returncode != 0:
                self._proof = None
                raise OSError(f"at: {done.stderr}")
        if not self._proof.exists():
            return False
        self._proof = None
        return True


def mqtt_connect():
    # @source MQTT 3.1.1, 3.1 CONNECT: protocol "MQTT" level 4, clean session, no client id
    request = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
    return exchange(1883, request, b"\x20\x02\x00\x00")  # 3.2 CONNACK: accepted


# --- the surroundings ------------------------------------------------------------------------------


def empty(path):
    """Mounts a tmpfs over `path` that has its directories and none of its files."""
    if not Path(path).is_dir():
        return
    below = []
    for directory, _, _ in os.walk(path):
        below.append((directory, os.stat(directory)))
    status = os.stat(path)
    harness_env.mount("tmpfs", path, f"size=256m,mode={status.st_mode & 0o7777:o},"
                      f"uid={status.st_uid},gid={status.st_gid}")
    for directory, status in below[1:] if path != "/run" else []:
        os.mkdir(directory)
        os.chown(directory, status.st_uid, status.st_gid)
        os.chmod(directory, status.st_mode & 0o7777)


def copy(path):
    """Mounts a tmpfs with a copy of `path` over it."""
    if not Path(path).is_dir():
        return
    harness_env.mount("tmpfs", "/mnt", "size=256m")
    subprocess.run(["cp", "-a", f"{path}/.", "/mnt"], check=True)
    subprocess.run(["mount", "--move", "/mnt", path], check=True)


def boot_directories():
    """What systemd-tmpfiles would have made in /run at boot. @source tmpfiles.d(5)"""
    Path("/run/lock").mkdir()
    Path("/run/lock").chmod(0o1777)
    for file in sorted(Path("/usr/lib/tmpfiles.d").glob("*.conf")):
        for line in file.read_text().splitlines():
            words = line.split()
            if len(words) < 5 or words[0] not in ("d", "D"):
                continue
            path = Path(words[1].replace("/var/run/", "/run/", 1))
            if len(path.parts) != 3 or path.parts[1] != "run":
                continue
            try:
                path.mkdir(exist_ok=True)
                shutil.chown(path, *(None if w == "-" else w for w in words[3:5]))
                path.chmod(0o755 if words[2] == "-" else int(words[2].lstrip("~:"), 8))
            except (LookupError, ValueError):
                path.rmdir()  # of a package that is removed


def enter():
    """Runs this file again, in namespaces of its own. Returns only where that is impossible."""
    if os.geteuid() != 0:
        return
    unshare = shutil.which("unshare")
    if unshare and subprocess.run([unshare, "--mount", "--pid", "--fork", "--net", "true"],
                                  capture_output=True, check=False).returncode == 0:
        os.environ[_INSIDE] = "1"
        os.execv(unshare, [unshare, "--mount", "--pid", "--fork", "--net", "--mount-proc",
                           "--kill-child", sys.executable, "-B", *sys.argv])


def prepare():
    subprocess.run([harness.need_program("ip"), "link", "set", "lo", "up"], check=True)
    for path in _EMPTIED:
        empty(path)
    for path in _COPIED:
        copy(path)
    shutil.rmtree("/etc/systemd/system", ignore_errors=True)  # the host's drop-ins and overrides
    boot_directories()


# --- the tests -------------------------------------------------------------------------------------


class ShippedUnits(harness.DaemonTest):
    def setUp(self):
        if _INSIDE not in os.environ:
            self.skip_or_fail("namespaces", "needs root and namespaces")
        super().setUp()

    def _finish(self, daemon):
        for log in sorted(daemon.state_dir.glob("log/*.log")):
            result = self._outcome.result
            if any(test is self for test, _ in result.failures + result.errors):
                sys.stderr.write(f"\n--- {log.name} ---\n{log.read_text(errors='replace')[-2000:]}")
        super()._finish(daemon)

    def skip_or_fail(self, need, why):
        if {"all", need} & set(os.environ.get("NINES_REQUIRE", "").split(",")):
            self.fail(f"NINES_REQUIRE asks for {need}: {why}")
        self.skipTest(why)

    def need_units(self, package, *units):
        for unit in units:
            if not path_of(unit).exists():
                self.skip_or_fail(package, f"package {package}: no {path_of(unit)}")

    def run_unit(self, package, unit, serves, before=(), reloads=True):
        """start, kill -9, reload and stop of `unit`, which `serves` tells to be serving.
        @param before   units started with it: they order or own it.
        @param reloads  that its ExecReload=, if it has one, works at all."""
        self.need_units(package, unit, *before)
        for name in (unit, *before):
            # A template is checked by an instance of it.
            self.daemon.nines("unit", "check", name if "@" in name else str(path_of(name)))
        self.daemon.home.chmod(0o755)  # as /run is: servers that are not root speak to NOTIFY_SOCKET
        self.daemon.start()
        others = set(harness.all_pids())

        self.daemon.act_ok("start", *before, unit, no_block=True)
        main_pid = self.daemon.wait_main_pid(unit, deadline_s=START_S)
        self.assertEqual(self.daemon.unit(unit)["files"], [str(path_of(unit).resolve())])
        self.serving(unit, serves, "after its start")

        self.assertTrue(kill(main_pid), f"{unit}: {main_pid} is not its main process")
        main_pid = self.daemon.wait_main_pid(unit, other_than=main_pid, deadline_s=START_S)
        self.serving(unit, serves, "after kill -9")
        self.assertEqual(self.daemon.unit(unit)["restarts"], 1)

        if reloads and "\nExecReload=" in path_of(unit).read_text():
            self.daemon.act_ok("reload", unit)
            self.serving(unit, serves, "after a reload")
            self.assertEqual(self.daemon.unit(unit)["main_pid"], main_pid)
            self.assertEqual(len(self.daemon.events(unit, "unit.reloaded")), 1)

        self.stop(unit, before, others)

    def serving(self, unit, serves, when):
        wait_until(serves, lambda: f"{unit} serves {when}; it is {self.daemon.unit(unit)}", START_S)

    def stop(self, unit, before, others):
        self.daemon.act_ok("stop", unit, *before, no_block=True)
        self.daemon.wait_state(unit, "stopped", deadline_s=START_S)

        def left():
            return [(pid, harness.directory_of(pid), command_of(pid))
                    for pid in harness.all_pids() if pid not in others and alive(pid)]
        wait_until(lambda: not left(), lambda: f"nothing of {unit} is left: {left()}")
        kinds = [event["kind"] for event in self.daemon.events(unit)]
        self.assertNotIn("unit.stop-timeout", kinds)
        self.assertNotIn("unit.command-failed", kinds)

    # The five of the issue

    def test_redis_server(self):
        self.run_unit("redis-server", "redis-server.service", says(6379, b"PING\r\n", b"+PONG"))

    def test_nginx(self):
        self.run_unit("nginx", "nginx.service", served_by(80, "nginx"))

    def test_postgresql(self):
        self.need_units("postgresql", "postgresql@.service")
        version = max(os.listdir("/usr/lib/postgresql"), key=int)
        subprocess.run(["pg_createcluster", "--locale", "C.UTF-8", "--port", str(CLUSTER_PORT),
                        version, CLUSTER], check=True, capture_output=True, cwd="/", timeout=300)
        try:
            self.run_unit("postgresql", f"postgresql@{version}-{CLUSTER}.service", select_1,
                          before=["postgresql.service"])
        finally:
            subprocess.run(["pg_dropcluster", "--stop", version, CLUSTER], check=False,
                           capture_output=True, cwd="/", timeout=120)

    def test_memcached(self):
        self.run_unit("memcached", "memcached.service", says(11211, b"version\r\n", b"VERSION 1"))

    def test_haproxy(self):
        configuration = Path("/etc/haproxy/haproxy.cfg")
        if configuration.exists():
            with configuration.open("a") as file:
                file.write("\nfrontend nines\n  bind 127.0.0.1:8080\n"
                           "  http-request return status 200 hdr Server haproxy\n")
        self.run_unit("haproxy", "haproxy.service", served_by(8080, "haproxy"))

    # Ten more, and a reserve

    def test_apache2(self):
        self.run_unit("apache2", "apache2.service", served_by(80, "apache"))

    def test_ssh(self):
        self.run_unit("openssh-server", "ssh.service", says(22, b"", b"SSH-2.0-OpenSSH"))

    def test_rsync(self):
        Path("/etc/rsyncd.conf").write_text("[nines]\npath = /usr/share/doc\n")
        self.run_unit("rsync", "rsync.service", says(873, b"", b"@RSYNCD: "))

    def test_mosquitto(self):
        self.run_unit("mosquitto", "mosquitto.service", mqtt_connect)

    def test_dnsmasq(self):
        self.run_unit("dnsmasq", "dnsmasq.service", dns("localhost"))

    def test_unbound(self):
        self.run_unit("unbound", "unbound.service", dns("localhost"))

    def test_nsd(self):
        self.run_unit("nsd", "nsd.service", dns("version.bind", 16, 3))  # TXT, CHAOS

    def test_lighttpd(self):
        Path("/var/www/html").mkdir(parents=True, exist_ok=True)
        self.run_unit("lighttpd", "lighttpd.service", served_by(80, "lighttpd", 404, path="/none"))

    def test_atd(self):
        jobs = Path("/var/spool/cron/atjobs")
        if jobs.is_dir():
            (jobs / ".SEQ").write_text("00000")
            shutil.chown(jobs / ".SEQ", jobs.owner(), jobs.group())
        self.run_unit("at", "atd.service", AtJob())

    def test_beanstalkd(self):
        self.run_unit("beanstalkd", "beanstalkd.service", says(11300, b"stats\r\n", b"OK "))

    def test_tinyproxy(self):
        self.run_unit("tinyproxy", "tinyproxy.service",
                      says(8888, b"GET http://tinyproxy.stats/ HTTP/1.0\r\n\r\n", b"tinyproxy"))

    def test_vsftpd(self):
        self.run_unit("vsftpd", "vsftpd.service", says(21, b"", b"220 "))

    def test_tor(self):
        # @source RFC 1928, 3: version 5, one method; accepted is 05 00
        self.run_unit("tor", "tor@default.service", says(9050, b"\x05\x01\x00", b"\x05\x00"),
                      before=["tor.service"])

    def test_varnish(self):
        self.run_unit("varnish", "varnish.service", served_by(6081, "varnish", 503, "Via"))

    def test_prometheus_node_exporter(self):
        # It ends of the SIGHUP that its ExecReload= sends, under systemd as well.
        self.run_unit("prometheus-node-exporter", "prometheus-node-exporter.service",
                      says(9100, b"GET /metrics HTTP/1.0\r\n\r\n", b"node_"), reloads=False)


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")[:200]
    except OSError:
        return b""


if __name__ == "__main__":
    if _INSIDE not in os.environ:
        enter()
    else:
        prepare()
    harness.main()
