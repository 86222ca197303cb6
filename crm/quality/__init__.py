"""Data quality: what is missing, invalid, outlying or stale, each with a repair and its undo."""

from crm.quality.looking import look
from crm.quality.repairing import Repaired, accept, repair, undo

__all__ = ["Repaired", "accept", "look", "repair", "undo"]
