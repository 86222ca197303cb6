"""Mailboxes over IMAP (RFC 3501), by unique numbers; nothing is marked by looking at it."""

import base64
import imaplib
import re
import socket
import ssl
from collections.abc import Callable
from typing import Any

from crm.postboxes.base import MAX_BYTES, TIMEOUT_SECONDS, BoxError, MailRefused, Place

_FAILURES = (OSError, imaplib.IMAP4.error, ssl.SSLError, UnicodeError)
_VALIDITY = re.compile(rb"^\d+$")


class _Plain(imaplib.IMAP4):
    """IMAP to an address that was checked."""

    def __init__(self, place: Place) -> None:
        self._place = place
        super().__init__(place.host, place.at_port, timeout=TIMEOUT_SECONDS)

    def _create_socket(self, timeout: float) -> socket.socket:
        return self._place.connect()


class _Sealed(_Plain):
    """The same over TLS."""

    def _create_socket(self, timeout: float) -> socket.socket:
        plain = super()._create_socket(timeout)
        return self._place.context.wrap_socket(plain, server_hostname=self.host)


class ImapBox:
    """One folder of an IMAP mailbox."""

    def __init__(self, place: Place) -> None:
        try:
            self._server = _connect(place)
        except _FAILURES as error:
            raise BoxError(_words(error)) from error
        try:
            _sign_in(self._server, place)
            self._enter(place.folder)
        except (*_FAILURES, BoxError) as error:
            self.close()
            raise BoxError(_words(error)) from error

    def _enter(self, folder: str) -> None:
        answer, data = self._server.select(_quoted(folder))
        if answer != "OK":
            raise BoxError(f"{folder}: {_text(data)}")
        _, told = self._server.response("UIDVALIDITY")
        number = told[0] if told else None
        is_number = isinstance(number, bytes) and _VALIDITY.match(number)
        self.validity: int | None = int(number) if number and is_number else None

    def waiting(self, *, after: int, most: int) -> list[str]:
        """Numbers after one, ascending."""
        data = self._ask("SEARCH", f"UID {after + 1}:*")
        found = [int(one) for line in data if line for one in line.split()]
        # “*” is the last mail even where that is an old one.
        return [str(uid) for uid in sorted(found) if uid > after][:most]

    def fetch(self, uid: str) -> bytes:
        """The first megabyte of a mail."""
        answer, data = self._call(
            lambda: self._server.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MAX_BYTES}>)")
        )
        raw = next((one[1] for one in data if isinstance(one, tuple)), None)
        if answer != "OK":
            raise MailRefused(_text(data) or answer)
        if not isinstance(raw, bytes):
            raise MailRefused("The mail is not in the mailbox any more.")
        return raw

    def mark(self, uid: str) -> None:
        """Seen, but still there."""
        self._ask("STORE", uid, "+FLAGS.SILENT", r"(\Seen)")

    def move(self, uid: str, folder: str) -> None:
        """By MOVE (RFC 6851) where the server has it, else by a copy."""
        if "MOVE" in self._server.capabilities:
            self._ask("MOVE", uid, _quoted(folder))
            return
        self._ask("COPY", uid, _quoted(folder))
        self.delete(uid)

    def delete(self, uid: str) -> None:
        """Where the server cannot expunge one mail alone it stays, marked as deleted."""
        self._ask("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self._server.capabilities:
            self._ask("EXPUNGE", uid)

    def close(self) -> None:
        """Sign out, without expunging what others marked."""
        try:
            self._server.logout()
        except _FAILURES:
            self._server.shutdown()

    def _ask(self, *words: str) -> list[Any]:
        answer, data = self._call(lambda: self._server.uid(*words))
        if answer != "OK":
            raise BoxError(f"{words[0]}: {_text(data)}")
        return data

    def _call(self, call: Callable[[], tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
        try:
            return call()
        except _FAILURES as error:
            raise BoxError(_words(error)) from error


def _connect(place: Place) -> imaplib.IMAP4:
    if place.security == "tls":
        return _Sealed(place)
    server = _Plain(place)
    if place.security == "starttls":
        server.starttls(ssl_context=place.context)
    return server


def _sign_in(server: imaplib.IMAP4, place: Place) -> None:
    if not place.token:
        server.login(place.user, place.password)
        return
    # What it has against the token comes as a question; only an answer brings the refusal.
    server.authenticate("XOAUTH2", lambda asked: b"" if asked else place.bearing)


def _quoted(folder: str) -> str:
    """A folder's name as IMAP writes it: modified UTF-7 (RFC 3501, 5.1.3) in quotes."""
    pieces = re.split(r"([^\x20-\x7e]+)", folder.replace("&", "&-"))
    name = "".join(_shifted(piece) if index % 2 else piece for index, piece in enumerate(pieces))
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shifted(piece: str) -> str:
    encoded = base64.b64encode(piece.encode("utf-16-be")).decode().rstrip("=")
    return f"&{encoded.replace('/', ',')}-"


def _text(data: list[Any]) -> str:
    told = [one for one in data if isinstance(one, bytes)]
    return b" ".join(told).decode("utf-8", "replace")[:300]


def _words(error: BaseException) -> str:
    told = error.args[0] if error.args else ""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(error)
    return (text or type(error).__name__)[:300]
