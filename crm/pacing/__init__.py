"""Pacing: how many messages may leave now, by account, sending domain and recipient domain."""

from crm.pacing.granting import Grant, admit, give_back, grant
from crm.pacing.warming import Day, sent_on, today

__all__ = ["Day", "Grant", "admit", "give_back", "grant", "sent_on", "today"]
