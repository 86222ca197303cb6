"""A small mail server that speaks real IMAP and POP3 on a loopback port, for the mailbox tests."""

import base64
import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PASSWORD = "open sesame"
TOKEN = "open barley"


def _knows(said: str) -> bool:
    """Whether what XOAUTH2 says bears the token."""
    return base64.b64decode(said).decode() == f"user=ada\1auth=Bearer {TOKEN}\1\1"


@dataclass
class Store:
    """The mails of one mailbox by folder and number, and what the server does wrong."""

    folders: dict[str, dict[int, bytes]] = field(default_factory=lambda: {"INBOX": {}, "Done": {}})
    flags: dict[int, set[str]] = field(default_factory=dict)
    validity: int = 7
    capabilities: str = "IMAP4rev1 UIDPLUS MOVE"
    refuses: set[int] = field(default_factory=set)
    # After so many fetched mails the connection is cut.
    cuts_after: int | None = None
    fetched: list[int] = field(default_factory=list)
    # With a context the server speaks TLS, from the start or once it is asked to.
    tls: ssl.SSLContext | None = None
    is_sealed: bool = False
    next_uid: int = 1
    port: int = 0

    def add(self, raw: bytes) -> int:
        """Put a mail into the inbox."""
        uid, self.next_uid = self.next_uid, self.next_uid + 1
        self.folders["INBOX"][uid] = raw
        return uid

    @property
    def inbox(self) -> dict[int, bytes]:
        return self.folders["INBOX"]

    def note(self, uid: int) -> bool:
        """Count a fetch; whether the connection is to be cut."""
        self.fetched.append(uid)
        return self.cuts_after is not None and len(self.fetched) > self.cuts_after


class _Talk(socketserver.StreamRequestHandler):
    """One connection, which may be sealed at its beginning or later."""

    disable_nagle_algorithm = True
    server: "_Server"

    def setup(self) -> None:
        if self.server.store.is_sealed and self.server.store.tls:
            self.request = self.server.store.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def seal(self) -> None:
        assert self.server.store.tls
        self.request = self.server.store.tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


class _Imap(_Talk):
    def handle(self) -> None:
        self.say("* OK ready")
        while line := self.rfile.readline():
            tag, _, rest = line.decode().strip().partition(" ")
            verb, _, arguments = rest.partition(" ")
            if self.do(tag, verb.upper(), arguments) is False:
                return

    def do(self, tag: str, verb: str, arguments: str) -> bool | None:
        answer = getattr(self, f"do_{verb.lower()}", None)
        told = answer(arguments) if answer else ""
        if verb == "UID":
            return self.uid(tag, arguments)
        if verb == "LOGOUT":
            self.say(f"* BYE\r\n{tag} OK done")
            return False
        self.say(f"{tag} {told or 'OK done'}")
        if verb == "STARTTLS":
            self.seal()
        return None

    def do_capability(self, arguments: str) -> None:
        self.say(f"* CAPABILITY {self.server.store.capabilities}")

    def do_authenticate(self, arguments: str) -> str:
        assert arguments == "XOAUTH2"
        self.say("+ ")
        if _knows(self.rfile.readline().decode()):
            return ""
        self.say("+ " + base64.b64encode(b'{"status": "400"}').decode())
        self.rfile.readline()
        return "NO the token is not taken"

    def do_login(self, arguments: str) -> str:
        return "" if PASSWORD in arguments else "NO wrong password"

    def do_select(self, arguments: str) -> str:
        store = self.server.store
        self.folder = arguments.strip('"')
        if self.folder not in store.folders:
            return "NO no such folder"
        self.say(f"* {len(store.folders[self.folder])} EXISTS")
        self.say(f"* OK [UIDVALIDITY {store.validity}] ids")
        return ""

    def uid(self, tag: str, arguments: str) -> bool | None:
        store = self.server.store
        mails = store.folders[self.folder]
        verb, _, rest = arguments.partition(" ")
        if verb == "SEARCH":
            first = int(re.search(r"UID (\d+):", rest)[1])  # type: ignore[index]
            found = [uid for uid in mails if uid >= first] or list(mails)[-1:]
            self.say("* SEARCH " + " ".join(map(str, found)))
            self.say(f"{tag} OK done")
            return None
        uid = int(rest.split()[0])
        if verb == "FETCH":
            return self.fetch(tag, uid, mails)
        if verb == "STORE":
            store.flags.setdefault(uid, set()).update(re.findall(r"\\\w+", rest))
        if verb == "EXPUNGE" and r"\Deleted" in store.flags.get(uid, ()):
            mails.pop(uid, None)
        if verb in {"COPY", "MOVE"} and uid in mails:
            store.folders[rest.split()[1].strip('"')][uid] = mails[uid]
            if verb == "MOVE":
                del mails[uid]
        self.say(f"{tag} OK done")
        return None

    def fetch(self, tag: str, uid: int, mails: dict[int, bytes]) -> bool | None:
        if self.server.store.note(uid):
            return False
        if uid in self.server.store.refuses:
            self.say(f"{tag} NO this one is broken")
            return None
        raw = mails[uid]
        self.wfile.write(f"* 1 FETCH (UID {uid} BODY[]<0> {{{len(raw)}}}\r\n".encode() + raw)
        self.say(f")\r\n{tag} OK done")
        return None


class _Pop3(_Talk):
    def handle(self) -> None:
        self.store = self.server.store
        self.uids = list(self.store.inbox)
        self.doomed: set[int] = set()
        self.say("+OK ready")
        while line := self.rfile.readline():
            verb, _, argument = line.decode().strip().partition(" ")
            answer = getattr(self, f"do_{verb.lower()}", self.do_other)
            if answer(argument) is False:
                return

    def do_other(self, argument: str) -> None:
        self.say("+OK done")

    def do_capa(self, argument: str) -> None:
        self.lines([b"UIDL", b"TOP", b"STLS"])

    def do_stls(self, argument: str) -> None:
        self.say("+OK go on")
        self.seal()

    def do_auth(self, argument: str) -> None:
        assert argument == "XOAUTH2"
        self.say("+ ")
        if _knows(self.rfile.readline().decode()):
            self.say("+OK in")
            return
        self.say("+ " + base64.b64encode(b'{"status": "400"}').decode())
        self.rfile.readline()
        self.say("-ERR the token is not taken")

    def do_pass(self, argument: str) -> None:
        self.say("+OK done" if argument == PASSWORD else "-ERR wrong password")

    def do_uidl(self, argument: str) -> None:
        self.lines([f"{at} u{uid}".encode() for at, uid in enumerate(self.uids, 1)])

    def do_list(self, argument: str) -> None:
        sizes = [len(self.store.inbox[uid]) for uid in self.uids]
        self.lines([f"{at} {size}".encode() for at, size in enumerate(sizes, 1)])

    def do_retr(self, argument: str) -> bool | None:
        uid = self.uids[int(argument.split(maxsplit=1)[0]) - 1]
        if self.store.note(uid):
            return False
        if uid in self.store.refuses:
            self.say("-ERR this one is broken")
            return None
        self.lines(self.store.inbox[uid].split(b"\n"))
        return None

    do_top = do_retr

    def do_dele(self, argument: str) -> None:
        self.doomed.add(self.uids[int(argument) - 1])
        self.say("+OK done")

    def do_quit(self, argument: str) -> bool:
        for uid in self.doomed:
            self.store.inbox.pop(uid, None)
        self.say("+OK done")
        return False

    def lines(self, lines: list[bytes]) -> None:
        self.say("+OK done")
        for line in lines:
            self.wfile.write((b"." if line.startswith(b".") else b"") + line + b"\r\n")
        self.say(".")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us hangs up in the middle."""

    allow_reuse_address = True
    store: Store


def certificate(folder: Path) -> Path:
    """A key and a certificate for this machine, both in one file, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1))
    signed = (
        builder.not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, pkcs8, plain) + signed.public_bytes(pem))
    return path


@contextmanager
def serving(protocol: str) -> Iterator[Store]:
    """A mailbox on a free port of this machine."""
    handler = {"imap": _Imap, "pop3": _Pop3}[protocol]
    with _Server(("127.0.0.1", 0), handler) as server:
        server.store = Store(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.store
        finally:
            server.shutdown()
            thread.join()
