"""Regular expressions that PostgreSQL and the reader take alike, and that stay quick.

A small common subset in the spirit of RE2: no references back, no looking around, no repeats of
what repeats already. The statement's time limit guards what is left.
"""

import re
from typing import Any

from django.utils.translation import gettext as _

from . import values
from .errors import RuleError

MAX_PATTERN = 100
MAX_REPEAT = 50
_TOKEN = re.compile(
    # Within brackets a hyphen comes first, last, or between the two ends of a range.
    r"(?P<class>\[(?!\^?\])\^?-?"
    r"(?:[^\]\[\\-](?:-[^\]\[\\-])?|\\[dwsDWS.\\+*?()\[\]{}|^$/-])*-?\])"
    r"|(?P<escape>\\[dwsDWS.\\+*?()\[\]{}|^$/-])"
    r"|(?P<open>\((?:\?:)?(?![?*+{]))"
    r"|(?P<close>\))"
    r"|(?P<repeat>(?:[*+?]|\{(?P<low>\d{1,3})(?:,(?P<high>\d{0,3}))?\})\??(?![*+?{]))"
    r"|(?P<edge>[|^$](?![*+?{]))"
    r"|(?P<plain>[^\\\[\](){}*+?|^$])"
)


def pattern(value: Any, path: str) -> str:
    """A regular expression of the subset."""
    found = values.text(value, path)
    if len(found) > MAX_PATTERN or not _is_plain(found):
        raise RuleError(
            path,
            _("The pattern is not understood, or could take too long."),
            _("Use letters, . [ ] ( ) | ^ $ * + ? and \\d \\w \\s, and repeat no repeat."),
        )
    return found


def _is_plain(text: str) -> bool:
    """Whether the text is of known tokens only, and no group that repeats is repeated."""
    position, groups, closed, before = 0, [False], False, "edge"
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or token.lastgroup is None:
            return False
        kind = next(name for name in _KINDS if token[name] is not None)
        if kind == "open":
            groups.append(False)
        elif kind == "close":
            if len(groups) == 1 or before in ("open", "edge"):
                return False
            closed = groups.pop()
            groups[-1] |= closed
        elif kind == "repeat":
            if before in ("open", "edge") or (before == "close" and closed) or _is_long(token):
                return False
            groups[-1] = True
        position, before = token.end(), kind
    return len(groups) == 1 and _compiles(text)


_KINDS = ("class", "escape", "open", "close", "repeat", "edge", "plain")


def _is_long(token: re.Match[str]) -> bool:
    return any(int(token[name] or 0) > MAX_REPEAT for name in ("low", "high"))


def _compiles(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
