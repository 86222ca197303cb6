"""Postboxes: mailboxes read over IMAP and POP3; knows no database and never deletes unasked."""

from crm.postboxes.base import MAX_BYTES, Box, BoxError, MailRefused, Place
from crm.postboxes.imap import ImapBox
from crm.postboxes.pop3 import Pop3Box

__all__ = ["MAX_BYTES", "Box", "BoxError", "ImapBox", "MailRefused", "Place", "Pop3Box", "open_box"]


def open_box(place: Place) -> Box:
    """Sign in to a mailbox; BoxError says why not."""
    return ImapBox(place) if place.protocol == "imap" else Pop3Box(place)
