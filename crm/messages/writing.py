"""Messages written down as `sending`, in the transaction of whoever decided to send them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from django.db import connection

from crm import accounts
from crm.channels.journal import CAPACITY
from crm.choices import Direction, MessageState
from crm.messages import held, journals
from crm.messages.drafts import Draft, body_hash, mail_hash
from crm.messages.keeping import freeze
from crm.messages.opting_out import own_way_out, text_as_sent

_NULL = "\\N"
_MESSAGES = (
    "COPY crm_message (id, customer_id, conversation_id, direction, channel, purpose, author, "
    "staff_id, source_kind, source_id, address, subject, text, template_version_id, body_hash, "
    "key, provider, provider_message_id, state, reason, detail, owner, attempts, created_at) "
    "FROM STDIN"
)
_KEPT = "COPY crm_keptvariables (message_id, variables) FROM STDIN"


def write_many(*, drafts: Sequence[Draft], owner: str, now: datetime) -> None:
    """Write messages as `sending` under an owner and a lease; commit before handing them over.

    The caller holds their customers (crm/locks.py).
    """
    if not drafts:
        return
    channels = {draft.channel for draft in drafts if not draft.provider}
    providers = {name: accounts.for_channel(channel=name).name for name in channels}
    # As lines of COPY's own: the driver takes longer to write a row than PostgreSQL to read it.
    begun = _begun(owner, now)
    _copy(_MESSAGES, (_line(draft, providers, begun) for draft in drafts))
    _copy(_KEPT, (_kept(draft) for draft in drafts if draft.variables is not None))
    ids = [draft.message_id for draft in drafts]
    held.hold(message_ids=ids, owner=owner, now=now)
    if owner == journals.owner() and len(drafts) <= CAPACITY:
        # Before the commit, so that a worker killed right after it is known to have begun nothing.
        journals.current().begin(ids)


def _copy(statement: str, lines: Iterable[str]) -> None:
    rows = "".join(lines)
    if rows:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(rows.encode("utf-8", "replace"))


def _kept(draft: Draft) -> str:
    # JSON has no raw tabs and line breaks: of what COPY reads as its own, backslashes alone.
    variables = freeze(value=draft.variables).replace("\\", "\\\\")
    return f"{draft.message_id}\t{variables}\n"


def _line(draft: Draft, providers: Mapping[str, str], begun: str) -> str:
    is_templated = draft.template_version_id is not None
    if draft.html and not is_templated:
        raise ValueError("HTML is kept as a template version; a draft with HTML needs one.")
    provider = draft.provider or providers[draft.channel]
    said = _said(draft.channel, draft.purpose, draft.author, draft.staff_id, draft.source_kind)
    text = "" if is_templated else _escaped(draft.text)
    # In the order of the columns.
    return (
        f"{draft.message_id}\t{draft.customer_id}\t{_number(draft.conversation_id)}\t{said}\t"
        f"{_number(draft.source_id)}\t{_escaped(draft.address)}\t{_escaped(draft.subject[:998])}\t"
        f"{text}\t{_number(draft.template_version_id)}\t"
        f"{draft.body_hash or _hash(draft, provider)}\t{_escaped(draft.key)}\t"
        f"{_escaped(provider)}\t{begun}\n"
    )


def _hash(draft: Draft, provider: str) -> str:
    """Of all that the customer sees, the words that an account ends its texts with too."""
    if draft.mail is not None:
        return mail_hash(mail=draft.mail)
    said = {"channel": draft.channel, "purpose": draft.purpose, "number": draft.address}
    said["own"] = own_way_out(variables=draft.variables)
    account = accounts.for_provider(provider=provider)
    text = text_as_sent(text=draft.text, account=account, **said) if account else draft.text
    return body_hash(subject=draft.subject, html=draft.html, text=text)


@lru_cache(maxsize=64)
def _said(channel: str, purpose: str, author: str, staff_id: int | None, source_kind: str) -> str:
    """What most messages of a batch have in the middle of their line."""
    kinds = (Direction.OUT.value, str(channel), str(purpose), str(author))
    return "\t".join((*kinds, _number(staff_id), _escaped(source_kind)))


def _begun(owner: str, now: datetime) -> str:
    """What all messages of a batch have at the end of their line."""
    return "\t".join(
        ("", MessageState.SENDING.value, "", "", _escaped(owner), "1", now.isoformat())
    )


def _number(value: int | None) -> str:
    return _NULL if value is None else str(value)


def _escaped(text: str) -> str:
    """A text as COPY reads it; NUL, which no text of PostgreSQL can hold, is its error to tell."""
    if text.isprintable() and "\\" not in text:
        return text
    text = text.replace("\\", "\\\\").replace("\t", "\\t")
    return text.replace("\n", "\\n").replace("\r", "\\r")
