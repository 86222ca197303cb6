"""Privacy: what people ask about their data, a copy of it, and their erasure."""

from crm.privacy.erasing import erase, erase_due
from crm.privacy.reading import sections
from crm.privacy.requests import ANSWER_WITHIN, NotOpen, ask, confirm, find, hand_out, order, refuse
from crm.privacy.subject import export_subject

__all__ = [
    "ANSWER_WITHIN",
    "NotOpen",
    "ask",
    "confirm",
    "erase",
    "erase_due",
    "export_subject",
    "find",
    "hand_out",
    "order",
    "refuse",
    "sections",
]
