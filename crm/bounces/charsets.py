"""Bytes to text, whatever they claim to be: never an error, never more work than their length."""

import binascii
import codecs
import re
from html import unescape

# Codecs that are no charset of mail, or that take more than linear time.
_REFUSED = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})
# Names that mails use and Python does not know (IANA, and what old programs wrote).
_ALIASES = {
    "ansi_x3.110-1983": "latin-1",
    "cp-850": "cp850",
    "gb_2312-80": "gb18030",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8",
    "ks_c_5601-1987": "cp949",
    "unicode-1-1-utf-8": "utf-8",
    "unknown-8bit": "",
    "windows-874": "cp874",
    "x-gbk": "gb18030",
    "x-sjis": "cp932",
    "x-unknown": "",
    "x-user-defined": "",
    "x-x-big5": "big5hkscs",
}
_WORD = re.compile(r"=\?([\w.:-]{1,40})(?:\*[\w-]{0,20})?\?([QqBb])\?([^?]{0,2000})\?=")
_ONLY_LOST = re.compile("[\x00-\x7f\ufffd]*")
_BETWEEN_WORDS = re.compile(r"\?=[ \t\n]{1,8}=\?")
_TAGS_THAT_BREAK = ("<br", "</p", "</div", "</tr", "</td", "</li", "</h")


def text_of(data: bytes, charset: str) -> str:
    """The text of bytes in a charset; what is not named or not known is guessed."""
    if b"\x1b$" in data or b"\x1b(" in data:
        codec = (_codec(charset) or "").replace("_", "")
        charset = charset if codec.startswith("iso2022") else "iso-2022-jp"
    claimed = _codec(charset)
    if claimed and not (claimed in {"ascii", "utf-8"} and not data.isascii()):
        try:
            return data.decode(claimed, "replace")
        except (LookupError, ValueError):
            pass
    return _guessed(data)


def _guessed(data: bytes) -> str:
    """UTF-8, as far as anything in it is; else what most of the rest is, Latin letters."""
    text = data.decode("utf-8", "replace")
    if "\ufffd" not in text or not _ONLY_LOST.fullmatch(text):
        return text
    return data.decode("latin-1")


def words_of(value: str) -> str:
    """A header with its encoded words read (RFC 2047)."""
    if "=?" not in value:
        return value
    return _WORD.sub(_encoded_word, _BETWEEN_WORDS.sub("?==?", value))


def transfer_decoded(data: bytes, encoding: str) -> bytes:
    """The bytes behind a Content-Transfer-Encoding, as far as they can be read."""
    if encoding == "base64":
        return base64_decoded(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    return data


def base64_decoded(data: bytes) -> bytes:
    """The bytes behind Base64, whatever else stands between and however it ends."""
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    kept = kept[: len(kept) - 1] if len(kept) % 4 == 1 else kept
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def text_of_html(html: str) -> str:
    """The words of HTML: a line for each block, no tags; one pass over it."""
    pieces: list[str] = []
    position = 0
    while (start := html.find("<", position)) >= 0:
        pieces.append(html[position:start])
        end = html.find(">", start)
        if end < 0:
            position = len(html)
            break
        tag = html[start:end].lower()
        if "@" in tag and " " not in tag and "=" not in tag:
            pieces.append(html[start : end + 1])  # an address in brackets, not a tag
        elif tag.startswith(_TAGS_THAT_BREAK):
            pieces.append("\n")
        position = end + 1
    text = "".join([*pieces, html[position:]])
    return unescape(text).replace("\u00a0", " ")


def _codec(name: str) -> str | None:
    try:
        name = _ALIASES.get(name.lower(), name)
        found = codecs.lookup(name) if name and name.isascii() else None
    except (LookupError, ValueError):
        return None
    is_charset = found is not None and getattr(found, "_is_text_encoding", True)
    return found.name if found and is_charset and found.name not in _REFUSED else None


def _encoded_word(match: re.Match[str]) -> str:
    charset, kind, payload = match.groups()
    data = payload.encode("utf-8", "replace")
    is_base64 = kind in "Bb"
    decoded = base64_decoded(data) if is_base64 else binascii.a2b_qp(data, header=True)
    return text_of(decoded, charset)
