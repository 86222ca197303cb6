"""Jinja tags put out of sight while HTML tools work on a template, and put back after."""

import re
from dataclasses import dataclass

_TAG = (
    # What never ends is a tag up to the end: to look for each end in vain takes squares of time.
    r"\{%[-+]?\s*raw\s*[-+]?%\}.*?(?:\{%[-+]?\s*endraw\s*[-+]?%\}|\Z)"
    r"|\{\{(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|(?!\}\})[^\"']|[\"'])*?(?:\}\}|\Z)"
    r"|\{%(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|(?!%\})[^\"']|[\"'])*?(?:%\}|\Z)"
    r"|\{#.*?(?:#\}|\Z)"
)
_TOKEN = re.compile(
    rf"(?P<tag>{_TAG})|(?P<comment><!--|-->)|(?P<raw></?(?:style|script|title|textarea)\b)"
    r"|(?P<open><[a-zA-Z/!?])|(?P<close>>)|(?P<quote>[\"'])",
    re.DOTALL | re.IGNORECASE,
)


# What may stand before a value that begins an attribute, or goes on with it, without quotes.
_BARE = re.compile(r"=\s*[^\s\"'<>]*\Z")
_LONGEST_BEGINNING = 300


@dataclass(frozen=True, slots=True)
class Masked:
    """A template whose tags are stand-ins: comments between elements, words elsewhere.

    `bare` are the lines where a value is printed into an attribute without quotes.
    """

    text: str
    tags: tuple[str, ...]
    mark: str
    bare: tuple[int, ...] = ()

    def restore(self, text: str) -> str:
        """Put the tags back into a text made of this one."""
        stand_in = re.compile(rf'<!--{self.mark}(\d+)x-->|{self.mark}(\d+)x(?:="")?')
        return stand_in.sub(lambda found: self.tags[int(found[1] or found[2])], text)

    def numbers(self, text: str) -> list[int]:
        """Which tags occur in a text, in order."""
        return [int(number) for number in re.findall(rf"{self.mark}(\d+)x", text)]

    def statements(self) -> list[int]:
        """The tags that are statements, in order."""
        return [n for n, tag in enumerate(self.tags) if tag.startswith("{%")]


def mask(source: str, *, comments: bool = True) -> Masked:
    """Replace every Jinja tag by a stand-in that an HTML parser leaves where it is."""
    mark = "zjq"
    while mark in source.lower():
        mark += "q"
    pieces: list[str] = []
    tags: list[str] = []
    bare: list[int] = []
    place, end = _Place(), 0
    for token in _TOKEN.finditer(source):
        pieces.append(source[end : token.start()])
        end = token.end()
        if token.lastgroup == "tag":
            word = f"{mark}{len(tags)}x"
            pieces.append(f"<!--{word}-->" if comments and place.is_between else word)
            tags.append(token[0])
            beginning = source[max(0, token.start() - _LONGEST_BEGINNING) : token.start()]
            if token[0].startswith("{{") and place.is_open and _BARE.search(beginning):
                bare.append(source.count("\n", 0, token.start()) + 1)
        else:
            place.see(token.lastgroup or "", token[0])
            pieces.append(token[0])
    pieces.append(source[end:])
    return Masked("".join(pieces), tuple(tags), mark, tuple(bare))


class _Place:
    """Where in the HTML a scan is: between elements, in a tag, in a quoted value, in raw text."""

    def __init__(self) -> None:
        self.in_comment = self.in_tag = False
        self.quote = self.raw = ""

    @property
    def is_between(self) -> bool:
        return not (self.in_comment or self.in_tag or self.raw)

    @property
    def is_open(self) -> bool:
        """Whether it is in a tag, and in no quotes there."""
        return self.in_tag and not (self.quote or self.in_comment)

    def see(self, kind: str, text: str) -> None:
        if self.in_comment or kind == "comment":
            self.in_comment = (self.in_comment and text != "-->") or text == "<!--"
        elif self.in_tag:
            self._see_in_tag(kind, text)
        elif kind == "raw":
            self._see_raw(text.lower())
        elif kind == "open" and not self.raw:
            self.in_tag = True

    def _see_in_tag(self, kind: str, text: str) -> None:
        if self.quote:
            self.quote = "" if text == self.quote else self.quote
        elif kind == "quote":
            self.quote = text
        elif kind == "close":
            self.in_tag = False

    def _see_raw(self, text: str) -> None:
        if text.startswith("</"):
            self.raw = "" if text[2:] == self.raw else self.raw
        elif not self.raw:
            self.raw = text[1:]
        self.in_tag = True
