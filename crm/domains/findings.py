"""What is found about a domain: a code for each sentence, and the records that would mend it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Light(StrEnum):
    """How good or bad a finding is."""

    GOOD = "good"
    WAITS = "accent"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Record:
    """A record to be published."""

    name: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found; its words are chosen by `code` where it is shown."""

    about: str
    light: str
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    records: tuple[Record, ...] = ()

    def kept(self) -> dict[str, Any]:
        """As it stands in the row."""
        return asdict(self)


def read(*, kept: Mapping[str, Any]) -> Finding:
    """A finding as it was kept."""
    records = tuple(Record(**one) for one in kept["records"])
    return Finding(kept["about"], kept["light"], kept["code"], kept["facts"], records)
