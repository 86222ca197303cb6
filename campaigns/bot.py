"""The bot: answers what it is sure of and hands everything else to people."""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from campaigns.models import Answer
from crm import conversations, variables
from crm.choices import Author, ConversationState, Direction, Handler
from crm.models import Conversation, Message
from crm.rendering import LinkContext, RenderError, compile_template
from marketing import understanding
from marketing.models import Insight

# Kept in English with the conversation and translated where they are shown.
NOT_SURE = _("The bot was not sure what is meant.")
NO_ANSWER = _("The bot has no answer to this.")
ASKED_AGAIN = _("The bot's answer did not help: the customer wrote again.")
NOT_RENDERED = _("The bot's answer could not be rendered for this customer.")
NOTHING_SAID = _("There is nothing in the message that the bot can read.")

logger = logging.getLogger(__name__)


def answer_due(*, now: datetime) -> int:
    """Answer or hand over every conversation that waits for the bot; return how many."""
    waiting = _waiting().order_by("waiting_since_at").values_list("pk", flat=True)
    done = 0
    for conversation_id in waiting:
        try:
            done += answer_one(conversation_id=conversation_id, now=now)
        except Exception:
            # One conversation that cannot be handled must not keep the others waiting.
            logger.exception("The bot failed in conversation %s.", conversation_id)
    return done


@transaction.atomic
def answer_one(*, conversation_id: int, now: datetime) -> bool:
    """Answer one conversation under its lock, if it still waits for the bot."""
    free = _waiting().select_for_update(of=("self",), skip_locked=True)
    conversation = free.filter(pk=conversation_id).first()
    if conversation is None:
        return False
    because, text = _decide(conversation, now)
    if because:
        conversations.hand_over(conversation_id=conversation_id, because=because, now=now)
    else:
        conversations.answer(conversation_id=conversation_id, text=text, now=now)
    return True


def _waiting() -> QuerySet[Conversation]:
    return Conversation.objects.filter(
        state=ConversationState.OPEN, handler=Handler.BOT, waiting_since_at__isnull=False
    )


def _decide(conversation: Conversation, now: datetime) -> tuple[str, str]:
    """Why to hand over, or what to say."""
    said = conversation.messages.filter(direction=Direction.IN).order_by("-created_at").first()
    if said is None or not said.text.strip():
        return NOTHING_SAID, ""
    insight = understanding.read(message_id=said.pk, now=now)
    if insight.intent_id is None:
        return NOT_SURE, ""
    answer = _answer(insight, conversation.customer.language)
    if answer is None:
        return NO_ANSWER, ""
    try:
        text = _words(answer, conversation, now)
    except RenderError:
        return NOT_RENDERED, ""
    return (ASKED_AGAIN, "") if _said_already(conversation, text) else ("", text)


def _answer(insight: Insight, language: str) -> Answer | None:
    """The answer in the customer's language, else in English."""
    answers = {
        answer.language: answer
        for answer in Answer.objects.filter(intent=insight.intent_id, is_active=True)
    }
    family = language.lower().split("-")[0]
    spoken = [known for known in answers if known.split("-")[0] == family]
    return (
        answers.get(language.lower())
        or next((answers[known] for known in spoken), None)
        or (answers.get("en"))
    )


def _words(answer: Answer, conversation: Conversation, now: datetime) -> str:
    customer_id = conversation.customer_id
    compiled = compile_template(channel=conversation.channel, text=answer.text)
    people = variables.gather_many(customer_ids=[customer_id], now=now, wanted=compiled.reads)
    links = LinkContext(unsubscribe_url="", preferences_url="")
    return compiled.render(variables=people[customer_id], links=links).text.strip()


def _said_already(conversation: Conversation, text: str) -> bool:
    """Whether this is what the bot said last: who asks again wants a person."""
    ours: Message | None = (
        conversation.messages.filter(direction=Direction.OUT).order_by("-created_at", "-pk").first()
    )
    return ours is not None and ours.author == Author.BOT and ours.text.strip() == text
