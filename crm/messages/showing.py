"""The exact thing a customer got, rendered again from version and variables."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm import templates
from crm.choices import Direction
from crm.messages.drafts import body_hash, links
from crm.models import Message
from crm.rendering import Rendered

# JSON knows no moments and no exact numbers: they are kept under a mark.
_MOMENT, _DAY, _NUMBER = "$moment", "$day", "$number"


@dataclass(frozen=True, slots=True)
class Shown(Rendered):
    """A message as the customer got it; `is_exact` says that its hash is still the same."""

    is_exact: bool = True


def show(*, message: Message) -> Shown:
    """Render a message again as it was sent."""
    version = message.template_version
    if version is None:
        rendered = Rendered(message.subject, "", message.text)
    else:
        rendered = templates.compiled(version=version).render(
            variables=thaw(value=message.variables or {}), links=links(message_id=message.pk)
        )
    now_hash = body_hash(subject=rendered.subject, html=rendered.html, text=rendered.text)
    is_exact = message.body_hash in ("", now_hash)
    return Shown(rendered.subject, rendered.html, rendered.text, is_exact)


def find(*, key: str) -> Message | None:
    """The message of ours that a key names; a Message-ID is a key and a domain."""
    if not key:
        return None
    plain = key.strip().strip("<>")
    keys = {plain, plain.rpartition("@")[0]} - {""}
    return Message.objects.filter(key__in=keys, direction=Direction.OUT).first()


def freeze(*, value: Any) -> str:
    """Plain data as JSON that keeps what JSON does not know."""
    return json.dumps(value, default=_marked)


def thaw(*, value: Any) -> Any:
    """What `freeze` kept, as templates saw it."""
    return _thawed(value)


def _marked(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {_MOMENT: value.isoformat()}
    if isinstance(value, date):
        return {_DAY: value.isoformat()}
    if isinstance(value, Decimal):
        return {_NUMBER: str(value)}
    raise TypeError(f"A template sees plain data only, not {type(value).__qualname__}.")


def _thawed(value: Any) -> Any:
    if isinstance(value, list):
        return [_thawed(item) for item in value]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [(str() as mark, str() as text)] if mark in _THAWED:
            return _THAWED[mark](text)
    return {name: _thawed(item) for name, item in value.items()}


_THAWED: dict[str, Any] = {
    _MOMENT: datetime.fromisoformat,
    _DAY: date.fromisoformat,
    _NUMBER: Decimal,
}
