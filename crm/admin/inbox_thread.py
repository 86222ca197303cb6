"""The middle pane of the inbox: messages and private notes in the order they were written."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import Http404

from crm.models import Conversation, Message, Note

SHOWN = 200


@dataclass(frozen=True)
class Said:
    """One bubble: a message, or a note the customer never sees."""

    at: datetime
    message: Message | None = None
    note: Note | None = None


def conversation(conversation_id: int) -> Conversation:
    """The conversation with what the panes show of its customer."""
    found = Conversation.objects.select_related("customer__order_statistics", "assigned_to")
    try:
        return found.get(pk=conversation_id)
    except Conversation.DoesNotExist:
        raise Http404 from None


def read(*, conversation: Conversation) -> list[Said]:
    """The last messages and notes, oldest first, in two statements."""
    messages = (
        Message.objects.filter(conversation=conversation)
        .select_related("staff")
        .order_by("-created_at", "-id")[:SHOWN]
    )
    notes = Note.objects.filter(conversation=conversation).select_related("author")
    said = [Said(message.created_at, message=message) for message in messages]
    said += [Said(note.created_at, note=note) for note in notes.order_by("-created_at")[:SHOWN]]
    return sorted(said, key=lambda bubble: bubble.at)


def mark(*, conversation: Conversation, entries: Sequence[Said]) -> str:
    """A short word that changes whenever the thread looks different."""
    told = [
        (bubble.at, bubble.message.pk, bubble.message.state, bubble.message.reason)
        if bubble.message
        else bubble.at
        for bubble in entries
    ]
    shown = (conversation.state, conversation.handler, conversation.assigned_to_id)
    return hashlib.sha256(repr((shown, told)).encode()).hexdigest()[:16]
