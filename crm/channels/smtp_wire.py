"""One kept SMTP connection: greeting, TLS, sign-in, pipelined writes and replies, nothing else."""

import base64
import socket
import ssl
import struct
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from crm import reach
from crm.channels.base import legible

_MAX_REPLY = 64_000
_TOO_SLOW = "The server did not answer in time."
# What the codes of a server that agrees begin with.
_CONSENT = frozenset({b"2", b"3"})
_TLS_MODES = frozenset({"none", "starttls", "implicit"})
# What each scheme means unless `tls=` says otherwise, and the port it goes to.
_SCHEMES = {"smtp": ("none", 25), "smtp+tls": ("starttls", 587), "smtps": ("implicit", 465)}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class SmtpRefused(Exception):  # noqa: N818 - it names what happened
    """The server answered, but with a refusal."""

    def __init__(self, reply: "Reply") -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the server."""

    code: int
    text: str

    @property
    def is_good(self) -> bool:
        """Whether the server agreed."""
        return 200 <= self.code < 400

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to connect, read from an address such as `smtp+tls://user:password@host`."""

    host: str
    port: int
    user: str
    password: str
    tls: str
    connections: int
    timeout: float
    hello: str
    # See Account.guarded_but.
    guarded_but: Collection[str] | None = ()

    @classmethod
    def from_url(cls, url: str, *, guarded_but: Collection[str] | None = ()) -> "Server":
        """Read an address such as `smtps://me:secret@mail.example:465?connections=4`."""
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.scheme not in _SCHEMES or not parts.hostname:
            known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
            raise ValueError(f"An e-mail address of a server begins with one of {known}.")
        mode, port = _SCHEMES[parts.scheme]
        if mode == "none" and parts.username and parts.hostname not in _LOOPBACK:
            # A password is not said on an open line, unless `tls=none` asks for it.
            mode = "starttls"
        tls = options.get("tls", mode)
        if tls not in _TLS_MODES:
            raise ValueError(f"tls={tls} is not known; one of {', '.join(sorted(_TLS_MODES))}.")
        return cls(
            host=parts.hostname,
            port=parts.port or port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
            connections=max(1, min(16, int(options.get("connections", "2")))),
            timeout=float(options.get("timeout", "60")),
            hello=options.get("hello") or socket.getfqdn() or "localhost",
            guarded_but=guarded_but,
        )


class Wire:
    """A connection that has said EHLO and signed in; `sent` counts the bytes of the last write."""

    def __init__(self, server: Server) -> None:
        self.sent = 0
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
        view = memoryview(data)
        try:
            while self.sent < len(data):
                self.sent += self._socket.send(view[self.sent :])
        except BlockingIOError:
            raise TimeoutError(_TOO_SLOW) from None

    def read_good(self, count: int) -> bool:
        """Take this many replies if each is one line of consent; else they wait to be read."""
        while self._buffer.count(b"\n") < count:
            self._receive()
        *lines, rest = self._buffer.split(b"\n", count)
        if not all(line[:1] in _CONSENT and line[3:4] == b" " for line in lines):
            return False
        self._buffer = rest
        return True

    def read(self) -> Reply:
        """Read one reply, however many lines it has."""
        lines: list[str] = []
        while True:
            line = self._line()
            lines.append(line[4:])
            if len(line) < 4 or line[3] != "-":
                if not line[:3].isdigit():
                    raise ConnectionError(f"The server speaks no SMTP: {line[:80]!r}")
                return Reply(int(line[:3]), legible(" ".join(lines)))

    def ask(self, command: str) -> Reply:
        """Write one command and read its reply."""
        return self.ask_raw(command.encode("utf-8") + b"\r\n")

    def ask_raw(self, line: bytes) -> Reply:
        """Write one line as it is and read its reply."""
        self.write(line)
        return self.read()

    def offers(self, feature: str) -> bool:
        """Whether the server named a feature when greeted."""
        return feature in self.features

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
            if not self.offers("STARTTLS"):
                raise ConnectionError(
                    "The server offers no STARTTLS; nothing is said in the clear."
                )
            self._must(self.ask("STARTTLS"))
            self._buffer = b""  # nothing said before the lock was turned counts
            self._lock(server)
            self._greet(server.hello)
        if server.user:
            self._sign_in(server)

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
        lines: list[str] = []
        while True:
            line = self._line()
            lines.append(line[4:])
            if line[3:4] != "-":
                break
        self._must(Reply(int(line[:3]), legible(lines[-1])))
        pairs = (feature.partition(" ") for feature in lines[1:])
        self.features = {name.upper(): value for name, _, value in pairs}

    def _sign_in(self, server: Server) -> None:
        ways = self.features.get("AUTH", "").upper().split()
        if "PLAIN" in ways or "LOGIN" not in ways:
            token = _b64(f"\0{server.user}\0{server.password}")
            self._must(self.ask(f"AUTH PLAIN {token}"))
            return
        self._must(self.ask("AUTH LOGIN"))
        self._must(self.ask(_b64(server.user)))
        self._must(self.ask(_b64(server.password)))

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


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
