"""Links of an HTML template become numbered slots, once, so that rendering only fills in tokens."""

import html
import re
from dataclasses import dataclass

from crm.rendering.masks import Masked

# A dynamic link inside a loop is met again and again: the n-th time (from 0) its position is
# n * SLOT_SPAN + slot, so that a redirect finds the very link that was clicked.
SLOT_SPAN = 1000
# Opens and closes the slot number in the variant that keeps the original addresses.
OPENING, CLOSING = "\ue000", "\ue001"
# It stops at the next `<`: many that never end would each be followed to the end of the text.
_LINK = re.compile(
    r"(<a(?=\s)(?:[^\"'<>]|\"[^\"<]*\"|'[^'<]*')*?\shref\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+(?=[\s>]))",
    re.IGNORECASE,
)
_LEADING_NAME = re.compile(r"\{\{-?\s*([A-Za-z]\w*)\s*(?:-?\}\}|\|)")
_OWN_LINKS = frozenset({"unsubscribe_url", "preferences_url", "view_url"})
# The number of the link that nobody sees: who follows it is a machine.
TRAP = 0
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_PIXEL = (
    '{% if pixel_ %}<img src="{{ pixel_ }}" width="1" height="1" alt=""'
    ' style="display:block;border:0">{% endif %}'
)
_TRAP = (
    f'{{% if trap_ %}}<a href="{{{{ click_ }}}}{TRAP}" aria-hidden="true" tabindex="-1"'
    ' style="display:none"></a>{% endif %}'
)
_MARKED = re.compile(rf"{OPENING}(\d+){CLOSING}([^\"']*)")


@dataclass(frozen=True, slots=True)
class LinkSlot:
    """One tracked link of a template; a dynamic one holds Jinja and is rendered anew on a click."""

    position: int
    url_source: str
    dynamic: bool


class Hop:
    """Prints the position of a dynamic link: another one each time the link is met."""

    __slots__ = ("_next",)

    def __init__(self, position: int) -> None:
        self._next = position

    def __html__(self) -> str:
        position, self._next = self._next, self._next + SLOT_SPAN
        return str(position)


@dataclass(frozen=True, slots=True)
class Slotted:
    """An HTML template with slots, its twin that keeps and marks the addresses, and the slots."""

    tracked: str
    marked: str
    links: tuple[LinkSlot, ...]


def cut_slots(masked: Masked, text: str) -> Slotted:
    """Give every trackable link of a masked template a number, and add open pixel and trap."""
    links: list[LinkSlot] = []

    def track(found: re.Match[str]) -> str:
        slot = _slot(masked, _bare(found[2]), len(links) + 1)
        if slot is None or slot.position >= SLOT_SPAN:
            return found[0]
        links.append(slot)
        number = f"{{{{ hop{slot.position}_ }}}}" if slot.dynamic else str(slot.position)
        return f'{found[1]}"{{{{ click_ }}}}{number}"'

    def keep(found: re.Match[str]) -> str:
        value = _bare(found[2])
        if len(kept) >= SLOT_SPAN - 1 or _slot(masked, value, 1) is None:
            return found[0]
        kept.append(1)
        quote = "'" if found[2][0] == "'" else '"'
        return f"{found[1]}{quote}{OPENING}{len(kept)}{CLOSING}{value}{quote}"

    kept: list[int] = []
    tracked = _add_pixel(_LINK.sub(track, text))
    marked = _LINK.sub(keep, text)
    return Slotted(masked.restore(tracked), masked.restore(marked), tuple(links))


def without_marks(rendered: str) -> str:
    """A marked rendering as a reader would see it, every link going straight home."""
    return re.sub(rf"{OPENING}\d+{CLOSING}", "", rendered)


def addresses(rendered: str) -> dict[int, str]:
    """Every tracked address of a marked rendering by its position."""
    found: dict[int, str] = {}
    met: dict[int, int] = {}
    for slot, address in _MARKED.findall(rendered):
        nth = met.get(int(slot), 0)
        met[int(slot)] = nth + 1
        found[int(slot) + nth * SLOT_SPAN] = html.unescape(address).strip()
    return found


def _bare(value: str) -> str:
    """The value of an attribute, without quotes where it has some."""
    return value[1:-1] if value[0] in "\"'" else value


def _slot(masked: Masked, value: str, position: int) -> LinkSlot | None:
    source = masked.restore(html.unescape(value)).strip()
    dynamic = bool(masked.numbers(value))
    name = _LEADING_NAME.match(source)
    if name and name[1] in _OWN_LINKS:
        return None
    if not source.startswith("{") and not source.lower().startswith(("http://", "https://")):
        return None
    return LinkSlot(position, source, dynamic)


def _add_pixel(text: str) -> str:
    ends = list(_BODY_END.finditer(text))
    place = ends[-1].start() if ends else len(text)
    return text[:place] + _TRAP + _PIXEL + text[place:]
