"""What staff do to a conversation; each verb calls one operation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from crm import consent, conversations, tasks
from crm.admin.parts import staff_of
from crm.choices import Purpose
from crm.models import Conversation

# Verbs that come with a text; the box is emptied when one was done.
WRITTEN = frozenset({"reply", "note"})


@dataclass(frozen=True)
class Done:
    """What was done in words, or why it was not."""

    words: str = ""
    problem: str = ""


def do(request: HttpRequest, conversation: Conversation, verb: str) -> Done:
    """Call the operation behind a verb; a refusal becomes a sentence."""
    if request.method != "POST" or verb not in _VERBS:
        raise Http404
    try:
        return Done(words=_VERBS[verb](request, conversation, timezone.now()))
    except ValidationError as error:
        return Done(problem=" ".join(error.messages))


def check_gate(*, customer_id: int, channel: str, now: datetime) -> None:
    """Say at once why a message could not go; the gate is asked again when it goes."""
    verdict = consent.check_many(
        customer_ids=[customer_id], channel=channel, purpose=Purpose.CONVERSATION, now=now
    )[customer_id]
    if verdict.refusal:
        raise ValidationError(verdict.refusal.label)


def _reply(request: HttpRequest, conversation: Conversation, now: datetime) -> str:
    if not request.user.has_perm("crm.reply_message"):
        raise PermissionDenied
    check_gate(customer_id=conversation.customer_id, channel=conversation.channel, now=now)
    conversations.reply(
        conversation_id=conversation.pk, text=_text(request), staff=staff_of(request), now=now
    )
    tasks.ring(tasks.send_queued_messages)
    return ""


def _note(request: HttpRequest, conversation: Conversation, now: datetime) -> str:
    conversations.note(
        conversation_id=conversation.pk, author=staff_of(request), text=_text(request), now=now
    )
    return ""


def _assign(request: HttpRequest, conversation: Conversation, now: datetime) -> str:
    conversations.assign(conversation_id=conversation.pk, staff=staff_of(request), now=now)
    return gettext("The conversation is yours; the bot keeps silent.")


def _hand_back(request: HttpRequest, conversation: Conversation, now: datetime) -> str:
    conversations.hand_back(conversation_id=conversation.pk, now=now)
    return gettext("The bot answers again.")


def _close(request: HttpRequest, conversation: Conversation, now: datetime) -> str:
    conversations.close(conversation_id=conversation.pk, staff=staff_of(request), now=now)
    return gettext("The conversation is closed.")


def _reopen(request: HttpRequest, conversation: Conversation, now: datetime) -> str:
    conversations.reopen(conversation_id=conversation.pk, staff=staff_of(request), now=now)
    return gettext("The conversation is open again.")


def _text(request: HttpRequest) -> str:
    text = request.POST.get("text", "").strip()
    if not text:
        raise ValidationError(gettext("Write something first."))
    return text


_VERBS: Mapping[str, Callable[[Any, Conversation, datetime], str]] = {
    "reply": _reply,
    "note": _note,
    "assign": _assign,
    "hand-back": _hand_back,
    "close": _close,
    "reopen": _reopen,
}
