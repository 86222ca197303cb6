"""Rule trees for those who ask many of them at once: a test of one customer, and what moves it."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from . import logic
from .base import Sql, United
from .tree import Group, leaves, validate


def holds(*, rules: Mapping[str, Any], now: datetime) -> Sql:
    """Whether the rules hold for the customer `c`: a boolean that is never null."""
    return logic.read(node=parsed(rules=rules), now=now).test


def crossings(*, rules: Mapping[str, Any], since: datetime, until: datetime) -> tuple[Sql, ...]:
    """As `crossed`, but each select by itself: other trees ask many of them too."""
    found: list[Sql] = []
    for leaf in leaves(parsed(rules=rules)):
        crossed = leaf.crossed(since, until)
        if crossed is not None:
            found += crossed.arms if isinstance(crossed, United) else (crossed,)
    return tuple(found)


def parsed(*, rules: Mapping[str, Any]) -> Group:
    """The tree, read and checked once for as long as it is asked for."""
    return _parsed(json.dumps(rules, sort_keys=True))


@lru_cache(maxsize=2_000)
def _parsed(rules: str) -> Group:
    return validate(rules=json.loads(rules))
