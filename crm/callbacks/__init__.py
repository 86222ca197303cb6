"""Callbacks: what providers tell us, kept raw once, then taken in."""

from crm.callbacks.fetching import fetch_all
from crm.callbacks.keeping import answer_to, store
from crm.callbacks.processing import MAX_ATTEMPTS, MAX_FETCHES, PAUSE, process_due
from crm.callbacks.settling import heed

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_FETCHES",
    "PAUSE",
    "answer_to",
    "fetch_all",
    "heed",
    "process_due",
    "store",
]
