"""Mails as bytes: headers that no name can break, bodies in 8bit where allowed."""

import base64
import re
import time
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from functools import lru_cache
from hashlib import blake2b

import msgspec

from crm import reach
from crm.channels.base import Outgoing
from crm.mail_parts import MAX_LINE

_FOLD_AT = 76
# Control characters, and those that reorder or hide text, have no place in a header.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")
_TOKEN = re.compile(r"[!-9;-~]+")
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*")
# Spaces and controls, one by one: with `\s` it takes half as long again to know a letter.
_SPACES = r"\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_LETTER = rf"[^{_SPACES}@<>()\[\],;:\\\"]"
_ADDRESS = re.compile(rf"{_LETTER}{{1,64}}@{_LETTER}{{1,255}}")
_NO_ADDRESS = "The address is not one mail can be sent to."
_OURS = frozenset({"from", "to", "subject", "message-id", "date", "mime-version", "content-type"})
_OURS |= {"content-transfer-encoding", "bcc"}


class InvalidAddress(ValueError):  # noqa: N818 - it names what is wrong
    """No mail can be addressed like this."""


class Address(msgspec.Struct, frozen=True):
    """A mailbox and the name shown beside it."""

    name: str
    address: str

    @property
    def is_ascii(self) -> bool:
        """Whether a server without SMTPUTF8 can take it."""
        return self.address.isascii()

    def in_ascii(self) -> "Address":
        """The same mailbox with its domain in ASCII, where that is enough."""
        local, _, domain = self.address.rpartition("@")
        try:
            plain = Address(self.name, f"{local}@{reach.in_ascii(domain)}")
        except UnicodeError as error:
            raise InvalidAddress(f"The domain of the address is not valid: {error}") from None
        if not plain.is_ascii:
            raise InvalidAddress("The server takes no addresses beyond ASCII.")
        return plain

    def header(self) -> str:
        """As it stands in From or To."""
        if not self.name:
            return self.address
        name = clean(self.name)
        longest = max(map(len, name.split()), default=0)
        if name.isascii() and "=?" not in name and longest < MAX_LINE // 2:
            quoted = name if _ATOM.fullmatch(name) else _quoted(name)
            return f"{quoted} <{self.address}>"
        return f"{encoded_words(name)} <{self.address}>"

    def folded(self) -> str:
        """The same on lines that are short enough."""
        return _folded(self.header(), len("From: ")) if self.name else self.address


def parse_address(text: str) -> Address:
    """Read `Name <mailbox>` or a bare mailbox."""
    return Address("", text) if _ADDRESS.fullmatch(text) else _parsed(text)


@lru_cache(maxsize=512)
def _parsed(text: str) -> Address:
    name, bracket, rest = text.rpartition("<")
    mailbox = rest.rstrip().removesuffix(">").strip() if bracket else text.strip()
    if bool(bracket) != text.rstrip().endswith(">") or not _ADDRESS.fullmatch(mailbox):
        raise InvalidAddress(_NO_ADDRESS)
    return Address(name.strip().strip('"').strip(), mailbox)


def parse_recipient(text: str) -> Address:
    """Read whom a mail goes to; a line break there is somebody trying to add a recipient."""
    if "\r" in text or "\n" in text:
        raise InvalidAddress(_NO_ADDRESS)
    return parse_address(text)


@lru_cache(maxsize=512)
def domain_of(sender: str) -> str:
    """The domain that mails of a sender come from, as it stands in DNS; empty if there is none."""
    try:
        return parse_address(sender).in_ascii().address.rpartition("@")[2].lower()
    except InvalidAddress:
        return ""


def clean(text: str) -> str:
    """A text on one line, without anything that could end or disguise a header."""
    safe = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(_UNFIT.sub(" ", safe).split())


@lru_cache(maxsize=512)
def header(name: str, value: str) -> str:
    """One header field, encoded and folded, ending in CRLF."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a header.")
    value = clean(value)
    if not value.isascii() or "=?" in value:
        value = encoded_words(value)
    return f"{name}: {_folded(value, len(name) + 2)}\r\n"


def encoded_words(text: str) -> str:
    """RFC 2047 words of at most 75 characters that never tear a character apart."""
    words: list[str] = []
    chunk: list[str] = []
    size = 0
    for character in text:
        width = len(character.encode())
        if size + width > 45:
            words.append("".join(chunk))
            chunk, size = [], 0
        chunk.append(character)
        size += width
    words.append("".join(chunk))
    return " ".join(f"=?utf-8?B?{base64.b64encode(word.encode()).decode()}?=" for word in words)


def message_id(outgoing: Outgoing) -> str:
    """The deterministic Message-ID, without its brackets."""
    if "@" in outgoing.key:
        return outgoing.key
    domain = parse_address(outgoing.sender).address.rpartition("@")[2]
    return f"{outgoing.key}@{reach.in_ascii(domain)}"


def build(outgoing: Outgoing, *, sender: Address, recipient: Address, eight_bit: bool) -> bytes:
    """A whole mail, CRLF throughout; its dots are not stuffed yet."""
    head = [
        header_of_address("From", sender),
        header_of_address("To", recipient),
        header("Subject", outgoing.subject),
        f"Message-ID: <{clean(message_id(outgoing))}>\r\n",
        f"Date: {date_now()}\r\n",
    ]
    head += [header(name, value) for name, value in foreign(outgoing.headers)]
    head.append("MIME-Version: 1.0\r\n")
    return "".join(head).encode("utf-8") + _body(outgoing, eight_bit)


def foreign(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Those headers that we do not write ourselves."""
    return ((name, value) for name, value in headers if name.lower() not in _OURS)


@lru_cache(maxsize=512)
def header_of_address(name: str, address: Address) -> str:
    """From or To; the mailbox itself is never encoded."""
    return f"{name}: {_folded(address.header(), len(name) + 2)}\r\n"


def _body(outgoing: Outgoing, eight_bit: bool) -> bytes:
    parts = [_part("plain", outgoing.text, eight_bit)] if outgoing.text else []
    if outgoing.html:
        parts.append(_part("html", outgoing.html, eight_bit))
    if not parts:
        parts = [_part("plain", "", eight_bit)]
    if len(parts) == 1:
        return parts[0]
    boundary = b"=_" + blake2b(outgoing.key.encode(), digest_size=15).hexdigest().encode()
    line = b"\r\n--" + boundary
    start = b'Content-Type: multipart/alternative; boundary="' + boundary + b'"\r\n'
    return b"".join((start, *(line + b"\r\n" + part for part in parts), line, b"--\r\n"))


def _part(subtype: str, text: str, eight_bit: bool) -> bytes:
    if "\r" in text or "\x00" in text:
        text = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.encode("utf-8", "replace").split(b"\n")
    if lines[-1]:
        lines.append(b"")
    fits = max(map(len, lines)) <= MAX_LINE
    raw = b"\r\n".join(lines)
    if fits and (eight_bit or raw.isascii()):
        encoding = b"7bit" if raw.isascii() else b"8bit"
    else:
        encoding, raw = b"base64", base64.encodebytes(raw).replace(b"\n", b"\r\n")
    return _PART_HEAD % (subtype.encode(), encoding) + raw


_PART_HEAD = b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n"


def _folded(value: str, indent: int) -> str:
    if len(value) + indent <= _FOLD_AT:
        return value
    lines: list[str] = []
    current = ""
    for word in value.split(" "):
        if current and len(current) + len(word) + 1 > _FOLD_AT - (0 if lines else indent):
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    lines.append(current)
    if any(len(line) > MAX_LINE - indent for line in lines):
        return _folded(encoded_words(value), indent)
    return "\r\n ".join(lines)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def date_now() -> str:
    """The moment as Date says it, to the second."""
    return _written(int(time.time()))


@lru_cache(maxsize=2)
def _written(second: int) -> str:
    return formatdate(second)
