"""What rules speak of by number, as people call it: given from outside for one sentence."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Names:
    """What the reader of a sentence may be told.

    `known` is by subject, as `Condition.subjects` says it: `segment:3` and the like. What is of a
    `hidden` kind, as `campaign`, is said by its number.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    hidden: Collection[str] = frozenset()


NOTHING = Names()
_told: ContextVar[Names] = ContextVar("names of what rules speak of", default=NOTHING)


@contextmanager
def using(names: Names) -> Iterator[None]:
    """Say these names from here on."""
    token = _told.set(names)
    try:
        yield
    finally:
        _told.reset(token)


def name_of(subject: str) -> str:
    """What a subject is called; empty where nobody said so."""
    return _told.get().known.get(subject, "")


def is_hidden(kind: str) -> bool:
    """Whether the reader may not see what rows of a kind are called."""
    return kind in _told.get().hidden
