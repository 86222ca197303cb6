"""One kept SMTP connection: greeting, TLS, sign-in, pipelined writes and replies, nothing else."""

import base64
import hmac
import math
import socket
import ssl
import struct
from collections.abc import Collection, Mapping
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
# Ways to sign in, the first that is offered is taken; with XOAUTH2 the password is an access token.
AUTH_WAYS = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2")
_DONE, _GO_ON = 2, 334
# Servers older than EHLO do not know the word.
_NO_EHLO = frozenset({500, 502})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class SmtpRefused(Exception):  # noqa: N818 - it names what happened
    """The server answered, but with a refusal."""

    def __init__(self, reply: "Reply") -> None:
        super().__init__(str(reply))
        self.reply = reply


class SignInRefused(SmtpRefused):
    """The server does not let us in."""


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
    # One of AUTH_WAYS; empty is what the server offers.
    auth: str = ""
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
        auth = options.get("auth", "").upper()
        if auth not in {"", *AUTH_WAYS}:
            raise ValueError(f"auth={auth} is not known; one of {', '.join(AUTH_WAYS)}.")
        hello = options.get("hello") or socket.getfqdn() or "localhost"
        if not all(letter.isprintable() and letter != " " for letter in hello):
            raise ValueError("hello is one word, the name of this host.")
        return cls(
            host=parts.hostname,
            port=parts.port or port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
            connections=max(1, min(16, int(_number(options, "connections", 2)))),
            timeout=_number(options, "timeout", 60),
            hello=hello,
            auth=auth,
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
        code, lines = self._lines()
        return Reply(code, legible(" ".join(lines)))

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
        code, lines = self._lines()
        if code in _NO_EHLO:
            self._must(self.ask(f"HELO {hello}"))
            self.features = {}
            return
        self._must(Reply(code, legible(lines[-1])))
        # Old servers write `AUTH=LOGIN` for `AUTH LOGIN`.
        pairs = (feature.replace("=", " ", 1).partition(" ") for feature in lines[1:])
        self.features = {name.upper(): value for name, _, value in pairs}

    def _sign_in(self, server: Server) -> None:
        offered = self.features.get("AUTH", "").upper().split()
        # Where none is offered that we know, PLAIN is refused in the server's own words.
        way = server.auth or next((one for one in AUTH_WAYS if one in offered), "PLAIN")
        if way == "LOGIN":
            said = [_b64(server.user), _b64(server.password)]
        elif way == "XOAUTH2":
            # Who is not let in is told why first, and refused when that is acknowledged.
            way += " " + _b64(f"user={server.user}\1auth=Bearer {server.password}\1\1")
            said = [""]
        elif way == "PLAIN":
            said = [_b64(f"\0{server.user}\0{server.password}")]
            way += " " + said[0]
        else:
            said = []
        reply = self.ask(f"AUTH {way}")
        if way == "CRAM-MD5" and reply.code == _GO_ON:
            said = [_proof(server, reply.text)]
        for one in said:
            if reply.code == _GO_ON:
                reply = self.ask(one)
        if reply.code // 100 != _DONE:
            raise SignInRefused(reply)

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


def _number(options: Mapping[str, str], name: str, otherwise: float) -> float:
    """A number above nought that an address tells."""
    said = options.get(name, str(otherwise))
    try:
        number = float(said)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise ValueError(f"{name}={said} is not a number above nought.")
    return number


def _proof(server: Server, challenge: str) -> str:
    """That we know the password, by what the server asks (RFC 2195)."""
    try:
        asked = base64.b64decode(challenge, validate=True)
    except ValueError:
        raise ConnectionError("What the server asks is not base64.") from None
    return _b64(f"{server.user} {hmac.digest(server.password.encode(), asked, 'md5').hex()}")


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
