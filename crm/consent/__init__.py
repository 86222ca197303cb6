"""Consent: the ledger of decisions, suppressions, and the one gate that every message passes."""

from crm.consent.gate import ADDRESSES, Reach, Verdict, check_many, count_reach, reachable
from crm.consent.ledger import NewDecision, decide_many, grant, withdraw, withdraw_all
from crm.consent.suppressions import NewSuppression, suppress, suppress_many, unsuppress

__all__ = [
    "ADDRESSES",
    "NewDecision",
    "NewSuppression",
    "Reach",
    "Verdict",
    "check_many",
    "count_reach",
    "decide_many",
    "grant",
    "reachable",
    "suppress",
    "suppress_many",
    "unsuppress",
    "withdraw",
    "withdraw_all",
]
