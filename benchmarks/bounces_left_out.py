"""How mails of servers that nobody saw would be read: the words only they use are forgotten.

For each family of mails the phrases that no other mail of the collections has are struck out, and
its mails are read without them. That is less than what is known of a server nobody here has a mail
of: what was written down from documents is struck as well. So the figures are a lower bound.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from unittest.mock import patch

from benchmarks.bounces_tally import Labelled, Tally, tally
from crm.bounces import phrases, read

FOLDS = 10
Group = Callable[[Labelled], str]


def run(mails: list[Labelled]) -> dict[str, Any]:
    """The figures with each family left out, and with each tenth of the mails left out."""
    words = [_phrases_of(mail) for mail in mails]
    return {
        "by_family": _left_out(mails, words, lambda mail: mail.family),
        "by_tenth": _left_out(mails, words, _tenth_of),
    }


def _tenth_of(mail: Labelled) -> str:
    return str(int(hashlib.sha256(mail.raw).hexdigest(), 16) % FOLDS)


def _left_out(mails: list[Labelled], words: list[frozenset[str]], group: Group) -> dict[str, Any]:
    names = [group(mail) for mail in mails]
    used = _groups_of(zip(names, words, strict=True))
    together = Tally()
    struck = 0
    try:
        for name in sorted(set(names)):
            only = frozenset(phrase for phrase, groups in used.items() if groups == {name})
            struck += len(only)
            phrases.forget(only)
            together.add(tally([x for x, own in zip(mails, names, strict=True) if own == name]))
    finally:
        phrases.forget(frozenset())
    return {**together.figures(), "groups": len(set(names)), "phrases_struck": struck}


def _groups_of(named: Iterable[tuple[str, frozenset[str]]]) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {}
    for name, found in named:
        for phrase in found:
            used.setdefault(phrase, set()).add(name)
    return used


def _phrases_of(mail: Labelled) -> frozenset[str]:
    """The phrases in all that is read of a mail."""
    texts: Counter[str] = Counter()
    known = phrases.reason_in

    def listening(text: str) -> Any:
        texts[text] += 1
        return known(text)

    with patch.object(phrases, "reason_in", listening):
        read(mail.raw)
    return frozenset(phrase for text in texts for phrase in phrases.found_in(text))
