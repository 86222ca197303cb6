"""What rules speak of by number, as people call it: given from outside for one sentence."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

# By subject, as `Condition.subjects` says it: `segment:3` and the like.
Names = Mapping[str, str]
_known: ContextVar[Names | None] = ContextVar("names of what rules speak of", default=None)


@contextmanager
def using(names: Names) -> Iterator[None]:
    """Say these names from here on."""
    token = _known.set(names)
    try:
        yield
    finally:
        _known.reset(token)


def name_of(subject: str) -> str:
    """What a subject is called; empty where nobody said so."""
    return (_known.get() or {}).get(subject, "")
