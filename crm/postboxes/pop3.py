"""Mailboxes over POP3 (RFC 1939), by unique numbers (UIDL)."""

import base64
import poplib
import socket
from contextlib import suppress

from crm.postboxes.base import MAX_BYTES, TIMEOUT_SECONDS, BoxError, MailRefused, Place

_FAILURES = (OSError, poplib.error_proto, UnicodeError)
# Mails have longer lines than the standard library reads.
_MAX_LINE = 256 * 1024
# A mail that is larger is asked for by its first lines; a giant not at all.
_TOP_LINES = 5_000
_GIANT = 64 * 1024 * 1024


class _Plain(poplib.POP3):
    """POP3 to an address that was checked, which reads long lines."""

    def __init__(self, place: Place) -> None:
        self._place = place
        super().__init__(place.host, place.at_port, timeout=TIMEOUT_SECONDS)

    def _create_socket(self, timeout: float) -> socket.socket:
        return self._place.connect()

    def _getline(self) -> tuple[bytes, int]:
        return _line_of(self)

    def sign_in(self, place: Place) -> None:
        """Say the password, or bear the token."""
        if not place.token:
            self.user(place.user)
            self.pass_(place.password)
            return
        self._say("AUTH XOAUTH2")
        answer = self._say(base64.b64encode(place.bearing).decode())
        if not answer.startswith(b"+OK"):
            # What it has against the token; the refusal comes after an answer.
            self._say("")

    def _say(self, line: str) -> bytes:
        """Write a line and read the answer; a refusal is an error."""
        self.sock.sendall(line.encode() + b"\r\n")
        answer, _size = self._getline()
        if not answer.startswith(b"+"):
            raise poplib.error_proto(answer)
        return answer


class _Sealed(_Plain):
    """The same over TLS."""

    def _create_socket(self, timeout: float) -> socket.socket:
        plain = super()._create_socket(timeout)
        return self._place.context.wrap_socket(plain, server_hostname=self.host)


class Pop3Box:
    """A POP3 mailbox: one folder, and its numbers never begin anew."""

    validity: int | None = None

    def __init__(self, place: Place) -> None:
        try:
            self._server = _connect(place)
        except _FAILURES as error:
            raise BoxError(_words(error)) from error
        try:
            self._server.sign_in(place)
            self._sizes = dict(_pair(line) for line in self._server.list()[1])
            self._numbers = {
                uid: number for number, uid in (_pair(x) for x in self._server.uidl()[1])
            }
        except _FAILURES as error:
            self.close()
            raise BoxError(_words(error)) from error

    def waiting(self, *, after: int, most: int) -> list[str]:
        """Every number: which were taken is known to whoever asks."""
        return list(self._numbers)

    def fetch(self, uid: str) -> bytes:
        """A mail; of a very large one its first lines."""
        number = self._number(uid)
        told = self._sizes.get(str(number), "0")
        size = int(told) if told.isdigit() else 0
        if size > _GIANT:
            raise MailRefused("The mail is too large.")
        try:
            _, lines, _ = (
                self._server.top(number, _TOP_LINES)
                if size > MAX_BYTES
                else self._server.retr(number)
            )
        except poplib.error_proto as error:
            raise MailRefused(_words(error)) from error
        except OSError as error:
            raise BoxError(_words(error)) from error
        return b"\n".join(lines)[:MAX_BYTES]

    def mark(self, uid: str) -> None:
        """POP3 has no marks."""

    def move(self, uid: str, folder: str) -> None:
        """POP3 has no folders."""

    def delete(self, uid: str) -> None:
        """Gone once signed out in peace."""
        try:
            self._server.dele(self._number(uid))
        except _FAILURES as error:
            raise BoxError(_words(error)) from error

    def close(self) -> None:
        """Sign out: only now the server deletes."""
        try:
            self._server.quit()
        except _FAILURES:
            with suppress(OSError):
                self._server.close()

    def _number(self, uid: str) -> int:
        if uid not in self._numbers:
            raise MailRefused("The mail is not in the mailbox any more.")
        return int(self._numbers[uid])


def _connect(place: Place) -> _Plain:
    if place.security == "tls":
        return _Sealed(place)
    server = _Plain(place)
    if place.security == "starttls":
        server.stls(context=place.context)
    return server


def _line_of(server: poplib.POP3) -> tuple[bytes, int]:
    line = server.file.readline(_MAX_LINE + 1)
    if len(line) > _MAX_LINE:
        raise OSError("The server sent a line without an end.")
    if not line:
        raise OSError("The server hung up.")
    return line.rstrip(b"\r\n"), len(line)


def _pair(line: bytes) -> tuple[str, str]:
    first, _, second = line.decode("ascii", "replace").strip().partition(" ")
    return first, second.strip()[:255]


def _words(error: BaseException) -> str:
    told = error.args[0] if error.args else ""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(error)
    return (text or type(error).__name__)[:300]
