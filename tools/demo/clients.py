"""A client for each application, which writes without pause and notes when it got no answer."""

import http.client
import socket
import threading
import time

_TIMEOUT_S = 1.0
_PAUSE_S = 0.002


class Resp:
    """Redis's protocol, as far as one line of answer goes."""

    def __init__(self, port=6379, timeout=_TIMEOUT_S):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def ask(self, *words):
        """@return the answer's bytes: of a bulk string its text, of others the line."""
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)
        self._socket.sendall(request)
        line = self._answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the connection ended")
        if line.startswith(b"$"):
            return self._answers.read(int(line[1:]) + 2)[:-2]
        return line[:-2]

    def close(self):
        self._answers.close()
        self._socket.close()


class Client(threading.Thread):
    """Subclasses say how to write once."""

    name = ""
    writes_what = ""

    def __init__(self):
        super().__init__(daemon=True)
        self.answered = 0
        self.failed = 0
        self._lock = threading.Lock()
        self._last_answer = None
        self._gaps = []
        self._ended = threading.Event()

    def write_once(self):
        raise NotImplementedError

    def drop_connection(self):
        """After an error, before the next attempt."""

    def run(self):
        while not self._ended.is_set():
            try:
                self.write_once()
            except (OSError, http.client.HTTPException):
                self.failed += 1
                self.drop_connection()
            else:
                self._note_answer(time.monotonic())
            time.sleep(_PAUSE_S)
        self.drop_connection()

    def stop(self):
        self._ended.set()
        self.join()

    def _note_answer(self, now):
        with self._lock:
            if self._last_answer is not None:
                self._gaps.append((self._last_answer, now))
            self._last_answer = now
            self.answered += 1

    def forget(self):
        with self._lock:
            self._gaps.clear()

    def longest_gap_ms(self):
        """Between two answers, since forget()."""
        with self._lock:
            return max((end - start) * 1000 for start, end in self._gaps) if self._gaps else 0.0

    def wait_for_answer(self, after, timeout_s):
        """@return True once there was an answer later than `after` (time.monotonic())."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with self._lock:
                if self._last_answer is not None and self._last_answer > after:
                    return True
            time.sleep(_PAUSE_S)
        return False


class RedisClient(Client):
    """INCR over one connection, as long as it lasts."""

    name = "redis"
    writes_what = "INCR"

    def __init__(self):
        super().__init__()
        self._connection = None

    def write_once(self):
        if self._connection is None:
            self._connection = Resp()
        answer = self._connection.ask("INCR", "quickstart")
        if not answer.startswith(b":"):
            raise ConnectionError(answer.decode(errors="replace"))

    def drop_connection(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class NginxClient(Client):
    """PUT of a small file, a connection for each."""

    name = "nginx"
    writes_what = "PUT"

    def write_once(self):
        connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=_TIMEOUT_S)
        try:
            connection.request("PUT", "/note", body=str(self.answered))
            status = connection.getresponse().status
            if status not in (201, 204):
                raise ConnectionError(f"HTTP {status}")
        finally:
            connection.close()
