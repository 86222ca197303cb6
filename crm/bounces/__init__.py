"""Bounces: reads a mail that came back and says what happened to whom; knows no database."""

from crm.bounces.reading import read
from crm.bounces.words import Kind, Outcome, Reason, Report, kind_of

__all__ = ["Kind", "Outcome", "Reason", "Report", "kind_of", "read"]
