"""How many SMS a text makes: GSM-7 in septets or UCS-2 in 16-bit units, as providers bill it."""

import unicodedata
from dataclasses import dataclass

GSM_7 = "GSM-7"
UCS_2 = "UCS-2"

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")
_SINGLE = {GSM_7: 160, UCS_2: 70}
_JOINED = {GSM_7: 153, UCS_2: 67}


@dataclass(frozen=True, slots=True)
class SmsLength:
    """The encoding a text needs, its units (septets or 16-bit units) and how many SMS it makes."""

    encoding: str
    units: int
    segments: int


def measure(text: str) -> SmsLength:
    """Count the SMS of a text; what reads as one character is never torn between two SMS."""
    gsm = _is_gsm(text)
    encoding = GSM_7 if gsm else UCS_2
    sizes = [_septets(c) for c in text] if gsm else [_units(c) for c in _clusters(text)]
    units = sum(sizes)
    if units <= _SINGLE[encoding]:
        return SmsLength(encoding, units, 1)
    return SmsLength(encoding, units, _pack(sizes, _JOINED[encoding]))


def split(text: str) -> list[str]:
    """The parts of a text as each SMS carries one; a text that fits into one is one part."""
    length = measure(text)
    if length.segments == 1:
        return [text]
    is_gsm, parts, used = length.encoding == GSM_7, [""], 0
    for whole in text if is_gsm else _clusters(text):
        size = _septets(whole) if is_gsm else _units(whole)
        if used + size > _JOINED[length.encoding]:
            parts.append("")
            used = 0
        parts[-1] += whole
        used += size
    return parts


def _clusters(text: str) -> list[str]:
    """What reads as one character, at most as much of it as one SMS of several holds."""
    found: list[str] = []
    size = 0
    for character in text:
        units = _units(character)
        if found and _joins_the_one_before(character) and size + units <= _JOINED[UCS_2]:
            found[-1] += character
            size += units
        else:
            found.append(character)
            size = units
    return found


def _septets(character: str) -> int:
    return 2 if character in _ESCAPED else 1


def _units(text: str) -> int:
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)


def _joins_the_one_before(character: str) -> bool:
    skin_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    return skin_tone or unicodedata.category(character) in {"Mn", "Me"}


def _pack(sizes: list[int], room: int) -> int:
    segments, used = 1, 0
    for size in sizes:
        if used + size > room:
            segments, used = segments + 1, 0
        used += size
    return segments


# Characters of typography and copying, and what GSM-7 has in their place.
_SMART = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʻʼʹ′`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−⁃﹣－", "-"),
        **dict.fromkeys(
            "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
            "\u200a\u202f\u205f\u3000\t",
            " ",
        ),
        **dict.fromkeys("\u00ad\u200b\u200c\u2060\ufeff", ""),
        **dict.fromkeys("\u2028\u2029\u0085\v", "\n"),
        **dict.fromkeys("•·∙‣◦", "-"),
        **dict.fromkeys("⁄∕", "/"),
        **dict.fromkeys("‹〈", "<"),
        **dict.fromkeys("›〉", ">"),
        "…": "...",
        "‖": "||",
        "¦": "|",
        "⁓": "~",
        "˜": "~",
        "∗": "*",
        "™": "TM",
        "®": "(R)",
        "©": "(C)",
        "№": "No.",
        "½": "1/2",
        "¼": "1/4",
        "¾": "3/4",
        "×": "x",
        "‼": "!!",
        "⁇": "??",
    }
)


def smart(text: str) -> str:
    """The text with plain characters for typographic ones, where that makes it GSM-7.

    A text that needs UCS-2 anyway stays as it was written: nothing would be saved.
    """
    plain = text.translate(_SMART)
    if plain == text or not _is_gsm(plain) or _is_gsm(text):
        return text
    return plain


def _is_gsm(text: str) -> bool:
    return all(character in _BASIC or character in _ESCAPED for character in text)
