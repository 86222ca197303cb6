"""Bounces: reads a mail that came back and says what happened to whom; knows no database."""

from crm.bounces.letters import Letter, letter_in
from crm.bounces.reading import read
from crm.bounces.words import Kind, Outcome, Reason, Report, kind_of

__all__ = ["Kind", "Letter", "Outcome", "Reason", "Report", "kind_of", "letter_in", "read"]
