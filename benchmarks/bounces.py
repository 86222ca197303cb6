"""How well and how fast mails that came back are read, by two labelled collections.

The collections are divided once and for all by the hash of each mail, family by family: on one
half the rules were tuned, the other half was only counted, reason by reason. `unseen_families`
are those of which the tuned half has no mail at all.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from django.conf import settings

from benchmarks import mutants
from crm.bounces import Kind, Outcome, Report, read

LIMITS = {"hard_precision": 0.97, "hard_recall": 0.97, "kind": 0.93, "recipients": 0.98}
MOST_MILLISECONDS = 100.0
LABELLED = ("bounces_sisimai", "bounces_flufl")
# Mails of other sorts; the labels say which of them are reports of a delivery after all.
OTHERS = ("bounces_sisimai_not", "email_cpython")
_BLOCKS = frozenset(
    [
        "authfailure",
        "badreputation",
        "blocked",
        "filtered",
        "norelaying",
        "notcompliantrfc",
        "policyviolation",
        "rejected",
        "requireptr",
        "securityerror",
        "spamdetected",
        "virusdetected",
    ]
)
_KINDS = {
    "mailboxfull": Kind.FULL,
    "feedback": Kind.COMPLAINT,
    "vacation": Kind.AUTO_REPLY,
    "delivered": Kind.DELIVERED,
} | dict.fromkeys(_BLOCKS, Kind.BLOCK)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A mail with what its collection says of it; nothing where it says nothing."""

    family: str
    raw: bytes
    rows: tuple[tuple[str, bool], ...] = ()
    recipients: tuple[str, ...] | None = None


@dataclass(slots=True)
class Tally:
    """What was right and wrong over some mails."""

    hard_right: int = 0
    hard_wrong: int = 0
    hard_missed: int = 0
    # Hard by the words of the server, by the label a filter that only says so.
    hard_disputed: int = 0
    rows: int = 0
    kinds_right: int = 0
    addresses_right: int = 0
    addresses_wrong: int = 0
    addresses_missed: int = 0
    milliseconds: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """The shares, and how long a mail takes."""
        right, hard = self.addresses_right, self.hard_right
        return {
            "mails": len(self.milliseconds),
            "hard_rows": hard + self.hard_missed,
            "hard_precision": _share(hard, self.hard_wrong),
            "hard_precision_of_words": _share(hard, self.hard_wrong - self.hard_disputed),
            "hard_recall": _share(hard, self.hard_missed),
            "kind_rows": self.rows,
            "kind": _share(self.kinds_right, self.rows - self.kinds_right),
            "recipients": _share(right, self.addresses_missed),
            "recipients_precision": _share(right, self.addresses_wrong),
            "median_milliseconds": round(median(self.milliseconds or [0.0]), 2),
            "p99_milliseconds": _p99(self.milliseconds),
        }


def run(*, mutations: int) -> dict[str, Any]:
    """Read everything that is labelled, what is no bounce, and mails broken at random."""
    corpora = folder()
    tuned, held_back = halves(corpora)
    known = {mail.family for mail in tuned}
    figures = tally(held_back).figures()
    broken = mutants.run([mail.raw for mail in tuned + held_back], count=mutations)
    return {
        **figures,
        "tuned": tally(tuned).figures(),
        "unseen_families": tally([x for x in held_back if x.family not in known]).figures(),
        "taken_for_bounces": {name: taken_for_bounces(corpora / name) for name in OTHERS},
        "mutated": broken,
        "limit": LIMITS | {"slowest_milliseconds": MOST_MILLISECONDS},
        "is_within_limit": all(figures[name] >= least for name, least in LIMITS.items())
        and broken["slowest_milliseconds"] <= MOST_MILLISECONDS,
    }


def folder() -> Path:
    """Where the collections are; they are too large for the checkout."""
    beside = Path(settings.BASE_DIR).parent / "shared"
    found = Path(os.environ.get("RAPPORT_SHARED", beside)) / "corpora"
    if not found.is_dir():
        raise SystemExit(f"no collections in {found}: name the folder above in RAPPORT_SHARED")
    return found


def halves(corpora: Path) -> tuple[list[Labelled], list[Labelled]]:
    """The tuned half and the one held back: every other mail of each family, by its hash."""
    mails = [mail for name in LABELLED for mail in _labelled(corpora / name)]
    mails.sort(key=lambda mail: (mail.family, hashlib.sha256(mail.raw).hexdigest()))
    ordered = [mail for _, family in groupby(mails, lambda mail: mail.family) for mail in family]
    return ordered[::2], ordered[1::2]


def tally(mails: list[Labelled]) -> Tally:
    """Read mails and hold what was read against their labels."""
    counted = Tally()
    for mail in mails:
        started = time.process_time()
        report = read(mail.raw)
        counted.milliseconds.append(1000 * (time.process_time() - started))
        _count_recipients(counted, mail, report)
        for index, (reason, is_hard) in enumerate(mail.rows):
            _count_row(counted, _outcome(mail, report, index), reason, is_hard)
    return counted


def taken_for_bounces(collection: Path) -> list[str]:
    """The names of mails that are taken for bounces though they are something else."""
    found = []
    for path in sorted(collection.iterdir()):
        if path.name != "SOURCE.txt" and read(path.read_bytes()).is_bounce:
            found.append(path.name)
    return found


def _labelled(collection: Path) -> Iterator[Labelled]:
    labels = json.loads((collection / "labels.json").read_text("utf-8"))
    for name, label in labels.items():
        family = f"{collection.name}:{re.sub(r'[-_][0-9]+[.][a-z]+$', '', name)}"
        raw = (collection / "mail" / name).read_bytes()
        yield _of_label(family, raw, label or {})


def _of_label(family: str, raw: bytes, label: dict[str, Any]) -> Labelled:
    rows = tuple((row["reason"], bool(row["hard"])) for row in label.get("labels") or ())
    named = label.get("rcpts", label.get("recipients_by_sisimai_5.1.0p3") if rows else None)
    return Labelled(
        family=family,
        raw=raw,
        rows=rows,
        recipients=None if named is None else tuple(one.lower() for one in named),
    )


def _outcome(mail: Labelled, report: Report, index: int) -> Outcome | None:
    """What we say of the recipient that a row of the labels is about."""
    if mail.recipients and len(mail.recipients) > 1:
        wanted = mail.recipients[index]
        return next((one for one in report.outcomes if one.address.lower() == wanted), None)
    return report.outcomes[index] if index < len(report.outcomes) else None


def _count_row(counted: Tally, outcome: Outcome | None, reason: str, is_hard: bool) -> None:
    kind = outcome.kind if outcome else Kind.NOTHING
    wanted = Kind.HARD if is_hard else _KINDS.get(reason, Kind.SOFT)
    counted.rows += 1
    counted.kinds_right += kind is wanted
    counted.hard_right += kind is Kind.HARD and is_hard
    counted.hard_wrong += kind is Kind.HARD and not is_hard
    counted.hard_disputed += kind is Kind.HARD and reason == "filtered"
    counted.hard_missed += kind is not Kind.HARD and is_hard


def _count_recipients(counted: Tally, mail: Labelled, report: Report) -> None:
    if mail.recipients is None:
        return
    wanted = set(mail.recipients)
    found = {one.address.lower() for one in report.outcomes}
    counted.addresses_right += len(wanted & found)
    counted.addresses_wrong += len(found - wanted)
    counted.addresses_missed += len(wanted - found)


def _share(right: int, wrong: int) -> float:
    return round(right / max(1, right + wrong), 4)


def _p99(milliseconds: list[float]) -> float:
    return round(quantiles(milliseconds, n=100)[98], 2) if len(milliseconds) > 1 else 0.0
