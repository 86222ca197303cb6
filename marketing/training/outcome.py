"""What comes out of a fit, before it is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from marketing.choices import RunState

from .gate import Demand


@dataclass(frozen=True)
class Outcome:
    """The verdict on a run, and what was fitted where it may be used."""

    state: RunState
    as_of_date: date
    rows: int
    gate: Sequence[Demand]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    baseline: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    estimator: Any = None
