"""Segment rules: a JSON tree becomes one SQL statement, and one sentence."""

from .base import Sql
from .compiling import Compiled, compile_rules, crossed, estimate_plan, explain_plan
from .errors import RuleError
from .reading import read
from .sentences import explain
from .testing import crossings, holds, parsed
from .tree import leaves, validate

__all__ = [
    "Compiled",
    "RuleError",
    "Sql",
    "compile_rules",
    "crossed",
    "crossings",
    "estimate_plan",
    "explain",
    "explain_plan",
    "holds",
    "leaves",
    "parsed",
    "read",
    "validate",
]
