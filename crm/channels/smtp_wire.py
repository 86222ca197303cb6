"""One kept SMTP connection: greeting, TLS, sign-in, pipelined writes and replies, nothing else."""

import re
import socket
import ssl
import struct
from functools import lru_cache

from crm import reach
from crm.channels.base import legible
from crm.channels.smtp_reply import Reply, SmtpRefused
from crm.channels.smtp_server import Server
from crm.channels.smtp_sign_in import sign_in

_MAX_REPLY = 64_000
_TOO_SLOW = "The server did not answer in time."
# The one line of a server that agrees.
_CONSENT = rb"[23].. .*\n"
# Servers older than EHLO do not know the word.
_NO_EHLO = frozenset({500, 502})


class Wire:
    """A connection that has said EHLO and signed in.

    `features` are what the server named when greeted, `sent` counts the bytes of the last write;
    `notices` is what to ask of it, if it knows of that.
    """

    def __init__(self, server: Server) -> None:
        self.sent = 0
        self.notices = b""
        self.features: dict[str, str] = {}
        self._buffer = b""
        self._socket: socket.socket = reach.connect(
            server.host, server.port, timeout=server.timeout, but=server.guarded_but
        )
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open(server)
            self._let_the_kernel_wait(server.timeout)
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Write everything, counting in `sent` how much the kernel has taken."""
        self.sent = 0
        try:
            self.sent = self._socket.send(data)
            while self.sent < len(data):
                self.sent += self._socket.send(memoryview(data)[self.sent :])
        except BlockingIOError:
            raise TimeoutError(_TOO_SLOW) from None

    def read_good(self, count: int) -> bool:
        """Take this many replies if each is one line of consent; else they wait to be read."""
        while not (found := _consents(count).match(self._buffer)):
            if self._buffer.count(b"\n") >= count:
                return False
            self._receive()
        self._buffer = self._buffer[found.end() :]
        return True

    def read(self) -> Reply:
        """Read one reply, however many lines it has."""
        code, lines = self._lines()
        return Reply(code, legible(" ".join(lines)))

    def ask(self, command: str) -> Reply:
        """Write one command and read its reply."""
        return self.ask_raw(command.encode("utf-8") + b"\r\n")

    def ask_raw(self, line: bytes) -> Reply:
        """Write one line as it is and read its reply."""
        self.write(line)
        return self.read()

    def quit(self) -> None:
        """Say goodbye if the server still listens, and close."""
        try:
            self._socket.settimeout(2)
            self.ask("QUIT")
        except OSError:
            self._buffer = b""  # it has gone first, which is what we wanted
        self.close()

    def close(self) -> None:
        """Close without a word."""
        self._socket.close()

    def _open(self, server: Server) -> None:
        if server.tls == "implicit":
            self._lock(server)
        self._must(self.read())
        self._greet(server.hello)
        if server.tls == "starttls":
            if "STARTTLS" not in self.features:
                raise ConnectionError(
                    "The server offers no STARTTLS; nothing is said in the clear."
                )
            self._must(self.ask("STARTTLS"))
            self._buffer = b""  # nothing said before the lock was turned counts
            self._lock(server)
            self._greet(server.hello)
        if server.user:
            is_locked = isinstance(self._socket, ssl.SSLSocket)
            offered = self.features.get("AUTH", "").split()
            sign_in(server, offered, is_locked=is_locked, ask=self.ask)
        self.notices = server.notices if "DSN" in self.features else b""

    def _let_the_kernel_wait(self, seconds: float) -> None:
        """End reads and writes after a while without asking first whether they would wait.

        A socket with a timeout of Python's own asks so before each; under TLS it has to.
        """
        if isinstance(self._socket, ssl.SSLSocket):
            return
        whole = int(seconds)
        limit = struct.pack("@ll", whole, int((seconds - whole) * 1_000_000))
        for side in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, side, limit)
        self._socket.settimeout(None)

    def _lock(self, server: Server) -> None:
        """Go on under TLS; the certificate must be trusted here and name the host."""
        context = ssl.create_default_context()
        self._socket = context.wrap_socket(self._socket, server_hostname=server.host)

    def _greet(self, hello: str) -> None:
        self.write(f"EHLO {hello}\r\n".encode())
        code, lines = self._lines()
        if code in _NO_EHLO:
            self._must(self.ask(f"HELO {hello}"))
            self.features = {}
            return
        self._must(Reply(code, legible(lines[-1])))
        # Old servers write `AUTH=LOGIN` for `AUTH LOGIN`.
        pairs = (feature.replace("=", " ", 1).partition(" ") for feature in lines[1:])
        self.features = {name.upper(): value for name, _, value in pairs}

    def _lines(self) -> tuple[int, list[str]]:
        """One reply: its code, and its lines without it."""
        lines: list[str] = []
        while True:
            line = self._line()
            lines.append(line[4:])
            if len(line) < 4 or line[3] != "-":
                code = line[:3]
                if not (len(code) == 3 and code.isascii() and code.isdigit()):
                    raise ConnectionError(f"The server speaks no SMTP: {line[:80]!r}")
                return int(code), lines

    def _line(self) -> str:
        while b"\n" not in self._buffer:
            self._receive()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "replace")

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            raise TimeoutError(_TOO_SLOW) from None
        if not data:
            raise ConnectionError("The server closed the connection.")
        self._buffer += data
        if len(self._buffer) > _MAX_REPLY:
            raise ConnectionError("The server's reply has no end.")

    @staticmethod
    def _must(reply: Reply) -> None:
        if not reply.is_good:
            raise SmtpRefused(reply)


@lru_cache(maxsize=8)
def _consents(count: int) -> re.Pattern[bytes]:
    return re.compile(_CONSENT * count)
