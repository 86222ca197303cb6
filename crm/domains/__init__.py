"""Sending domains: the keys that sign their mails, and what DNS says of them."""

from crm.domains.checking import ask, check_due, standing_of
from crm.domains.findings import Finding, Light, Record
from crm.domains.keys import activate, generate, retire, rotate, rotate_due
from crm.domains.launching import Doubt, doubts_about

__all__ = [
    "Doubt",
    "Finding",
    "Light",
    "Record",
    "activate",
    "ask",
    "check_due",
    "doubts_about",
    "generate",
    "retire",
    "rotate",
    "rotate_due",
    "standing_of",
]
