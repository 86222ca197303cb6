"""Customers who may be one person: found, compared side by side, decided by staff."""

from crm.duplicates.comparing import Comparison, Line, compare, suggest_kept
from crm.duplicates.finding import dismiss, find
from crm.duplicates.typos import right_domain

__all__ = ["Comparison", "Line", "compare", "dismiss", "find", "right_domain", "suggest_kept"]
