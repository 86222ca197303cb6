"""An SMTP server for tests that refuses and cuts connections where it is told to."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field

FEATURES = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 10000000")


@dataclass
class Received:
    """One mail as the server took it."""

    sender: str
    recipient: str
    body: bytes


@dataclass
class ScriptedSmtp:
    """Listens on a free port; `cut` names where the first `cuts` connections break off."""

    features: tuple[str, ...] = FEATURES
    answers: dict[str, str] = field(default_factory=dict)
    cut: str = ""
    cuts: int = 1
    # Seconds that a client waits for an answer; and where it gets none.
    timeout: float = 5
    silent: str = ""
    mails: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    writes: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> "ScriptedSmtp":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    @property
    def url(self) -> str:
        """The address of this server for an account, one connection."""
        return f"smtp://127.0.0.1:{self.port}?connections=1&timeout={self.timeout}&hello=test"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _cuts_here(self, place: str) -> bool:
        with self._lock:
            if not place or self.cut != place or self.cuts == 0:
                return False
            self.cuts -= 1
            return True

    def _serve(self, connection: socket.socket) -> None:
        dialogue = _Dialogue(self, connection)
        try:
            dialogue.run()
        except OSError:
            pass
        finally:
            # shutdown, so that what we have not read does not turn into a reset
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


class _Dialogue:
    def __init__(self, server: ScriptedSmtp, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.buffer = b""
        self.sender = self.recipient = ""

    def say(self, line: str) -> None:
        self.connection.sendall(line.encode() + b"\r\n")

    def more(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise ConnectionError
        self.server.writes.append(data)
        self.buffer += data

    def line(self) -> str:
        while b"\r\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode()

    def run(self) -> None:
        self.say("220 test")
        while True:
            command = self.line()
            verb = command[:4].upper()
            self.server.commands.append(command)
            if self.server._cuts_here(verb):
                return
            if verb and verb == self.server.silent:
                self.more()
            if verb == "QUIT":
                self.say("221 bye")
                return
            if not self.answer(verb, command):
                return

    def answer(self, verb: str, command: str) -> bool:
        told = next((a for part, a in self.server.answers.items() if part in command), "")
        if verb == "EHLO" and not told:
            lines = ["test", *self.server.features]
            for line in lines[:-1]:
                self.say(f"250-{line}")
            self.say(f"250 {lines[-1]}")
        elif verb == "DATA" and not told:
            return self.data()
        elif verb == "RSET":
            self.sender = self.recipient = ""
            self.say("250 OK")
        elif told:
            self.say(told)
        else:
            self.note(verb, command)
            self.say("250 OK")
        return True

    def note(self, verb: str, command: str) -> None:
        mailbox = command.partition("<")[2].partition(">")[0]
        if verb == "MAIL":
            self.sender, self.recipient = mailbox, ""
        elif verb == "RCPT":
            self.recipient = mailbox

    def data(self) -> bool:
        if not (self.sender and self.recipient):
            self.say("503 no recipient")
            return True
        self.say("354 go on")
        if self.server._cuts_here("body"):
            self.more()
            return False
        while b"\r\n.\r\n" not in self.buffer:
            self.more()
        body, _, self.buffer = self.buffer.partition(b"\r\n.\r\n")
        if self.server._cuts_here("dot"):
            return False
        told = next((a for part, a in self.server.answers.items() if part.encode() in body), "")
        if told and not told.startswith("RCPT"):
            self.say(told)
            return True
        self.server.mails.append(Received(self.sender, self.recipient, body + b"\r\n"))
        self.recipient = ""
        self.say("250 kept")
        return True
