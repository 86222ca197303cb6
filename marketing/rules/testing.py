"""A rule tree as one test of one customer, for those who ask several trees of the same people."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from . import logic
from .base import Sql
from .tree import Group, validate


def holds(*, rules: Mapping[str, Any], now: datetime) -> Sql:
    """Whether the rules hold for the customer `c`: a boolean that is never null."""
    return logic.read(node=parsed(rules=rules), now=now).test


def parsed(*, rules: Mapping[str, Any]) -> Group:
    """The tree, read and checked once for as long as it is asked for."""
    return _parsed(json.dumps(rules, sort_keys=True))


@lru_cache(maxsize=2_000)
def _parsed(rules: str) -> Group:
    return validate(rules=json.loads(rules))
