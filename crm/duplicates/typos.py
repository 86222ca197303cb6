"""Typing mistakes in e-mail addresses: domains that are nearly a well-known one."""

from collections.abc import Iterable

POPULAR = (
    "gmail.com",
    "googlemail.com",
    "hotmail.com",
    "hotmail.co.uk",
    "hotmail.fr",
    "hotmail.de",
    "hotmail.es",
    "hotmail.it",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "outlook.es",
    "live.com",
    "live.co.uk",
    "live.fr",
    "live.nl",
    "msn.com",
    "yahoo.com",
    "yahoo.co.uk",
    "yahoo.co.jp",
    "yahoo.fr",
    "yahoo.de",
    "yahoo.es",
    "yahoo.it",
    "yahoo.com.br",
    "ymail.com",
    "rocketmail.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "aol.com",
    "mail.com",
    "email.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "gmx.at",
    "gmx.ch",
    "web.de",
    "t-online.de",
    "freenet.de",
    "orange.fr",
    "free.fr",
    "wanadoo.fr",
    "laposte.net",
    "libero.it",
    "btinternet.com",
    "comcast.net",
    "verizon.net",
    "att.net",
    "proton.me",
    "protonmail.com",
    "fastmail.com",
    "zoho.com",
    "yandex.ru",
    "yandex.com",
    "mail.ru",
    "bk.ru",
    "list.ru",
    "inbox.ru",
    "rambler.ru",
    "qq.com",
    "foxmail.com",
    "163.com",
    "126.com",
    "139.com",
    "189.cn",
    "sina.com",
    "sina.cn",
    "sohu.com",
    "yeah.net",
    "naver.com",
    "hanmail.net",
    "daum.net",
)
_KNOWN = frozenset(POPULAR)
# Of a short domain every other letter makes another real one.
_LONG = 9


def right_domain(*, domain: str) -> str:
    """The well-known domain that this one is a typing mistake of, or nothing."""
    if domain in _KNOWN or len(domain) < _LONG - 1:
        return ""
    near = [popular for popular in POPULAR if len(popular) >= _LONG and _is_typo(domain, popular)]
    return min(near, key=lambda popular: distance(one=domain, other=popular), default="")


def siblings(*, domains: Iterable[str]) -> list[tuple[str, str]]:
    """Well-known domains of one provider in two countries, as (one, other)."""
    known = sorted(_KNOWN & set(domains))
    return [
        (one, other)
        for one in known
        for other in known
        if one < other and one.partition(".")[0] == other.partition(".")[0]
    ]


def distance(*, one: str, other: str, at_most: int = 2) -> int:
    """How many letters are changed, missing, added or swapped with their neighbour.

    The restricted edit distance of Damerau; what is farther than `at_most` counts as one more.
    """
    if abs(len(one) - len(other)) > at_most:
        return at_most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, last[j - 2] + 1)
            row.append(best)
    return min(row[-1], at_most + 1)


def _is_typo(domain: str, popular: str) -> bool:
    """One slip anywhere, or two where the first letter is right."""
    slips = distance(one=domain, other=popular)
    return slips == 1 or (slips == 2 and domain[0] == popular[0] and len(popular) > _LONG)
