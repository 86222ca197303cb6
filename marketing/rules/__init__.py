"""Segment rules: a JSON tree becomes one SQL statement, and one sentence."""

from .errors import RuleError
from .tree import Compiled, compile_rules, explain, leaves, validate

__all__ = ["Compiled", "RuleError", "compile_rules", "explain", "leaves", "validate"]
