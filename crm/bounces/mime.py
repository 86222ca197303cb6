"""Mails in pieces, with bounded work: a hostile mail costs no more than its first half megabyte.

The standard library reads nested parts by recursion and keeps everything; here sizes, depths and
counts are capped, and what is beyond a cap is left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from crm.bounces.charsets import text_of, text_of_html, transfer_decoded, words_of

MAX_BYTES = 512 * 1024
MAX_TEXT = 64 * 1024
MAX_HEADER_BYTES = 64 * 1024
MAX_VALUE = 4_000
MAX_FIELDS = 400
MAX_HEADER_LINES = 3_000
MAX_PARTS = 40
MAX_DEPTH = 8

Headers = tuple[tuple[str, str], ...]
_NAME = re.compile(r"[!-9;-~]{1,80}$")
_PARAMETER = r"""[;\s]{name}\*?\s{{0,9}}=\s{{0,9}}(?:"([^"]{{0,200}})"|([^\s;"]{{1,200}}))"""
_BOUNDARY = re.compile(_PARAMETER.format(name="boundary"), re.IGNORECASE)
_CHARSET = re.compile(_PARAMETER.format(name="charset"), re.IGNORECASE)
_REPORT_TYPE = re.compile(_PARAMETER.format(name="report-type"), re.IGNORECASE)
_MAILS = frozenset({"message/rfc822", "message/global", "message/news", "message/external-body"})
_HEADERS_ONLY = frozenset({"text/rfc822-headers", "message/global-headers", "text/rfc822-header"})


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a mail: its media type and its text, empty where it is none."""

    media_type: str
    text: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail: headers by lower-case name, its own leaves in order, and the mails attached."""

    headers: Headers
    media_type: str = "text/plain"
    report_type: str = ""
    parts: tuple[Part, ...] = ()
    attached: tuple["Mail", ...] = ()

    def header(self, name: str) -> str:
        """The first header of a name, or nothing."""
        return next((value for known, value in self.headers if known == name), "")

    def all(self, name: str) -> list[str]:
        """Every header of a name, in order."""
        return [value for known, value in self.headers if known == name]


@dataclass(slots=True)
class _Budget:
    """What reading one mail may still cost."""

    parts: int = MAX_PARTS


def read(raw: bytes) -> Mail:
    """Read a mail; gives what can be read of it, never an error."""
    data = raw[:MAX_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n \t")
    if data.startswith((b"From ", b">From ")):
        data = data.partition(b"\n")[2]
    return _mail(data, _Budget(), 0)


def headers_in(text: str) -> Headers:
    """The headers at the beginning of a text, up to its first empty line."""
    return _headers(text.encode("utf-8", "replace"))[0]


def _mail(data: bytes, budget: _Budget, depth: int) -> Mail:
    headers, body = _headers(data)
    content_type = _first(headers, "content-type")
    parts: list[Part] = []
    attached: list[Mail] = []
    for leaf in _leaves(headers, body, budget, depth):
        (attached if isinstance(leaf, Mail) else parts).append(leaf)  # type: ignore[arg-type]
    return Mail(
        headers=headers,
        media_type=_media_type(content_type),
        report_type=_parameter(_REPORT_TYPE, content_type).lower(),
        parts=tuple(parts),
        attached=tuple(attached),
    )


def _leaves(headers: Headers, body: bytes, budget: _Budget, depth: int) -> Iterator[Part | Mail]:
    content_type = _first(headers, "content-type")
    media_type = _media_type(content_type)
    boundary = _parameter(_BOUNDARY, content_type)
    if boundary and depth < MAX_DEPTH and media_type.startswith("multipart/"):
        yield from _split(boundary, body, budget, depth)
        return
    if budget.parts <= 0:
        return
    budget.parts -= 1
    encoding = _first(headers, "content-transfer-encoding").strip().lower()
    if media_type in _MAILS and depth < MAX_DEPTH:
        yield _mail(transfer_decoded(body, encoding).lstrip(b"\n"), budget, depth + 1)
        return
    if media_type in _HEADERS_ONLY:
        yield Mail(headers=_headers(transfer_decoded(body, encoding).lstrip(b"\n"))[0])
        return
    yield Part(media_type, _text(body, media_type, encoding, _parameter(_CHARSET, content_type)))


def _split(boundary: str, body: bytes, budget: _Budget, depth: int) -> Iterator[Part | Mail]:
    mark = b"\n--" + boundary.encode("utf-8", "replace").rstrip()
    sections = (b"\n" + body).split(mark, MAX_PARTS)
    preamble = sections[0].strip()
    if len(sections) == 1 and preamble:
        # The boundary never comes: what is there is read as text.
        yield Part("text/plain", text_of(preamble[:MAX_TEXT], "utf-8"))
    elif preamble and depth == 0:
        yield Part("text/x-preamble", text_of(preamble[:MAX_TEXT], "utf-8"))
    for section in sections[1:]:
        if section.startswith(b"--"):
            epilogue = section.partition(b"\n")[2].strip()
            if epilogue and depth == 0:
                yield Part("text/x-epilogue", text_of(epilogue[:MAX_TEXT], "utf-8"))
            return
        headers, content = _headers(section.partition(b"\n")[2])
        yield from _leaves(headers, content, budget, depth + 1)


def _text(body: bytes, media_type: str, encoding: str, charset: str) -> str:
    if not media_type.startswith(("text/", "message/")):
        return ""
    text = text_of(transfer_decoded(body[: 2 * MAX_TEXT], encoding)[:MAX_TEXT], charset)
    text = text.replace("\r\n", "\n")
    return text_of_html(text) if media_type == "text/html" else text


def _headers(data: bytes) -> tuple[Headers, bytes]:
    """The header fields of a mail or part, and what comes after them."""
    fields: list[tuple[str, list[str]]] = []
    position = 0
    limit = min(len(data), MAX_HEADER_BYTES)
    lines = 0
    while position < limit and len(fields) < MAX_FIELDS and lines < MAX_HEADER_LINES:
        lines += 1
        end = data.find(b"\n", position)
        end = len(data) if end < 0 else end
        line = data[position : min(end, position + MAX_VALUE)]
        if not line.strip():
            return _joined(fields), data[end + 1 :]
        if line[:1] in b" \t":
            if fields and len(fields[-1][1]) < 40:
                fields[-1][1].append(_unfolded(line))
        else:
            name, colon, value = line.partition(b":")
            plain = name.decode("latin-1").rstrip()
            if colon and _NAME.match(plain):
                fields.append((plain.lower(), [_unfolded(value)]))
            elif fields and fields[-1][1][-1].endswith(";"):
                fields[-1][1].append(_unfolded(line))  # folded, but without the space
            else:
                return _joined(fields), data[position:]
        position = end + 1
    return _joined(fields), data[position:]


def _unfolded(line: bytes) -> str:
    return text_of(line, "utf-8").strip()


def _joined(fields: list[tuple[str, list[str]]]) -> Headers:
    return tuple((name, words_of(" ".join(lines)[:MAX_VALUE])) for name, lines in fields)


def _first(headers: Headers, name: str) -> str:
    return next((value for known, value in headers if known == name), "")


def _media_type(content_type: str) -> str:
    words = content_type.partition(";")[0].split()
    return words[0].lower() if words else "text/plain"


def _parameter(pattern: re.Pattern[str], content_type: str) -> str:
    found = pattern.search(content_type)
    return (found[1] or found[2] or "") if found else ""
