"""Pacing: how many messages may leave now, by account, sending domain and recipient domain."""

from crm.pacing.granting import Grant, admit, give_back, grant
from crm.pacing.warming import Day, today

__all__ = ["Day", "Grant", "admit", "give_back", "grant", "today"]
