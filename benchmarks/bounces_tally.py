"""What is right and wrong in the reading of labelled mails."""

import math
import time
from dataclasses import dataclass, field
from statistics import NormalDist, median, quantiles

from crm.bounces import Kind, Outcome, Report, read

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

    def add(self, other: "Tally") -> None:
        """Count what another counted too."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def figures(self) -> dict[str, float]:
        """The shares, and how long a mail takes."""
        right, hard = self.addresses_right, self.hard_right
        return {
            "mails": len(self.milliseconds),
            "hard_rows": hard + self.hard_missed,
            "hard_precision": _share(hard, self.hard_wrong),
            "hard_precision_low": _interval(hard, self.hard_wrong)[0],
            "hard_precision_high": _interval(hard, self.hard_wrong)[1],
            "hard_precision_of_words": _share(hard, self.hard_wrong - self.hard_disputed),
            "hard_recall": _share(hard, self.hard_missed),
            "hard_recall_low": _interval(hard, self.hard_missed)[0],
            "hard_recall_high": _interval(hard, self.hard_missed)[1],
            "kind_rows": self.rows,
            "kind": _share(self.kinds_right, self.rows - self.kinds_right),
            "recipients": _share(right, self.addresses_missed),
            "recipients_precision": _share(right, self.addresses_wrong),
            "median_milliseconds": round(median(self.milliseconds or [0.0]), 2),
            "p99_milliseconds": _p99(self.milliseconds),
        }


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


def _interval(right: int, wrong: int) -> tuple[float, float]:
    """Where the true share lies, 19 times of 20 (Wilson's score interval)."""
    count = max(1, right + wrong)
    share, z = right / count, NormalDist().inv_cdf(0.975)
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low, high = ((middle + sign * spread) / (1 + z * z / count) for sign in (-1, 1))
    return round(low, 4), round(high, 4)


def _p99(milliseconds: list[float]) -> float:
    return round(quantiles(milliseconds, n=100)[98], 2) if len(milliseconds) > 1 else 0.0
