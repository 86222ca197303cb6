"""What a kind of condition must offer: parse itself, become SQL, say itself in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, Self

# The customer row that every condition speaks about is called `c` in the statement.
Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Sql:
    """A fragment of SQL that is never null, and the values for its placeholders."""

    text: str
    params: tuple[Any, ...] = ()

    def __add__(self, other: "Sql") -> "Sql":
        return Sql(self.text + other.text, self.params + other.params)


class Condition(Protocol):
    """One leaf of a rule tree; the payload's key that is its registered name holds its subject."""

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload; a RuleError says what to write instead."""

    def sql(self, now: datetime) -> Sql:
        """A boolean expression about the customer `c`."""

    def sentence(self) -> str:
        """The condition in words, in the reader's language, without a full stop."""


def wrap(prefix: str, inner: Sql, suffix: str = "") -> Sql:
    """Put fixed text around a fragment."""
    return Sql(prefix + inner.text + suffix, inner.params)


def join(separator: str, parts: list[Sql]) -> Sql:
    """Join fragments by fixed text."""
    params = tuple(value for part in parts for value in part.params)
    return Sql(separator.join(part.text for part in parts), params)
