"""The mail that came back: its headers, attached or pasted below the notice."""

from crm.bounces import addresses, mime

_KNOWN = frozenset(
    {
        "received",
        "return-path",
        "message-id",
        "mime-version",
        "date",
        "from",
        "to",
        "subject",
        "reply-to",
        "sender",
        "content-type",
        "content-transfer-encoding",
        "x-mailer",
        "dkim-signature",
        "list-unsubscribe",
        "delivered-to",
        "x-received",
        "cc",
    }
)
_TELLING = frozenset({"received", "message-id", "return-path", "mime-version", "dkim-signature"})
_ENOUGH = 3
_MARKS = (
    "below this line is a copy",
    "this is a copy of the message",
    "this is a copy of your message",
    "original message follows",
    "message header follows",
    "headers follow",
    "message follows",
    "unsent message",
    "returned message",
    "original message",
    "copy of the message",
    "returned mail follows",
    "original mail as follows",
    "message text follows",
    "start of returned",
    "the header of the original",
    "the headers of your",
    "header of your message",
    "included below",
    "original headers",
    "undelivered message",
    "body of your message",
    "text of your message",
)


def split(text: str) -> tuple[str, str]:
    """A text before the original that is pasted into it, and that original without its marks."""
    lines = text.split("\n")
    start = _beginning(lines)
    if start is None:
        return text, ""
    return "\n".join(lines[:start]), "\n".join(_unquoted(lines[start:]))


def recipients(headers: mime.Headers) -> list[str]:
    """Whom the original was written to."""
    for field in ("to", "x-envelope-to", "delivered-to", "cc"):
        named = [value for name, value in headers if name == field]
        found = [one.address for value in named for one in addresses.find(value)]
        if found:
            return addresses.distinct(found)
    return []


def envelope_recipients(headers: mime.Headers) -> list[str]:
    """Whom the last server that took the original took it for; else whom it was written to."""
    taken = next((value for name, value in headers if name == "received"), "")
    _, named, rest = taken.partition(" for ")
    found = addresses.first_in(rest[:400]) if named else ""
    written = recipients(headers)
    if not found or found in senders(headers):
        return written
    # An inner host knows them by another domain than the one that was written to.
    name = found.partition("@")[0].lower() + "@"
    return [next((one for one in written if one.lower().startswith(name)), found)]


def has_trace(headers: mime.Headers) -> bool:
    """Whether it went through mail servers: what a person quotes has no such fields."""
    return any(name in {"received", "return-path"} for name, _ in headers)


def senders(headers: mime.Headers) -> list[str]:
    """Who sent the original."""
    fields = {"from", "sender", "reply-to", "return-path", "errors-to"}
    named = [value for name, value in headers if name in fields]
    return addresses.distinct([one.address for value in named for one in addresses.find(value)])


def _beginning(lines: list[str]) -> int | None:
    """The line where a block of header fields begins that only a mail has."""
    index = 0
    marked = False
    while index < len(lines):
        names, end = _block(lines, index)
        enough = 2 if marked else _ENOUGH
        is_own = marked or not lines[index].startswith((" ", "\t"))
        if is_own and len(names & _KNOWN) >= enough and (names & _TELLING or marked):
            return index
        if lines[index].strip():
            marked = any(mark in lines[index].lower() for mark in _MARKS)
            if marked and lines[index].lstrip().startswith(("---", "===", "***")):
                return _after(lines, index)
        index = max(end, index + 1)
    return None


def _after(lines: list[str], index: int) -> int:
    """The first line with words after the one that announces the original."""
    index += 1
    while index < len(lines) and not lines[index].strip():
        index += 1
    return min(index, len(lines) - 1)


def _block(lines: list[str], index: int) -> tuple[set[str], int]:
    """The names of the header fields that follow one another from a line on."""
    names: set[str] = set()
    quote = _quote(lines[index])
    indent = len(lines[index]) - len(lines[index].lstrip(" \t>|"))
    while index < len(lines) and len(names) < 60:
        line = lines[index]
        bare = line[len(quote) :] if line.startswith(quote) else line
        name, colon, _ = bare.partition(":")
        deeper = len(line) - len(line.lstrip(" \t>|")) > indent
        if colon and name and " " not in name.strip() and name.strip().isascii() and not deeper:
            names.add(name.strip().lower())
        elif not (names and bare.strip() and deeper):
            break
        index += 1
    return names, index


def _quote(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t>|"))]


def _unquoted(lines: list[str]) -> list[str]:
    quote = _quote(lines[0])
    if not quote:
        return lines
    return [line.removeprefix(quote.rstrip()).removeprefix(" ") for line in lines]
