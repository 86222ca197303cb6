"""The exact thing a customer got, rendered again from version and variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from crm import accounts, templates
from crm.choices import Direction
from crm.messages.drafts import body_hash, is_hash_of, is_of_mail, links, untracked
from crm.messages.keeping import thaw
from crm.messages.opting_out import own_way_out, text_as_sent
from crm.models import Message
from crm.rendering import CompiledTemplate, LinkContext, Rendered


@dataclass(frozen=True, slots=True)
class Shown(Rendered):
    """A message as the customer got it; `is_exact` says that its hash is still the same."""

    is_exact: bool = True


def show(*, message: Message) -> Shown:
    """Render a message again as it was sent."""
    version = message.template_version
    if version is None:
        said = Rendered(message.subject, "", message.text)
        return _shown(said, message)
    compiled = templates.compiled(version=version)
    known = thaw(value=message.variables or {})
    signed = links(message_id=message.pk)
    # Those who are not tracked got it without picture and with plain links, and whether it has a
    # trap is a setting: the hash tells.
    other = replace(signed, has_trap=not signed.has_trap)
    ways = (
        _rendered(message, compiled, known, way) for way in (signed, other, untracked(links=signed))
    )
    shown = next(ways)
    return shown if shown.is_exact else next((one for one in ways if one.is_exact), shown)


def _rendered(
    message: Message, compiled: CompiledTemplate, known: Mapping[str, Any], signed: LinkContext
) -> Shown:
    rendered = compiled.render(variables=known, links=signed)
    if is_of_mail(kept=message.body_hash):
        encoded = compiled.encode(variables=known, links=signed)
        is_exact = is_hash_of(kept=message.body_hash, mail=encoded)
        return Shown(rendered.subject, rendered.html, rendered.text, is_exact)
    return _shown(rendered, message)


def _shown(said: Rendered, message: Message) -> Shown:
    """By its hash: with the words that its account ends texts with today, or as it stands."""
    ended = _ended(message, said.text)
    for text in (ended, said.text):
        now_hash = body_hash(subject=said.subject, html=said.html, text=text)
        if message.body_hash in ("", now_hash):
            return Shown(said.subject, said.html, text)
    return Shown(said.subject, said.html, ended, is_exact=False)


def _ended(message: Message, text: str) -> str:
    """With the way out that the account of a marketing SMS has words for."""
    account = accounts.for_provider(provider=message.provider)
    if account is None or message.direction != Direction.OUT:
        return text
    said = {"channel": message.channel, "purpose": message.purpose, "number": message.address}
    said["own"] = own_way_out(variables=message.variables)
    return text_as_sent(text=text, account=account, **said)


def find(*, key: str) -> Message | None:
    """The message of ours that a key names; a Message-ID is a key and a domain."""
    if not key:
        return None
    plain = key.strip().strip("<>")
    keys = {plain, plain.rpartition("@")[0]} - {""}
    return Message.objects.filter(key__in=keys, direction=Direction.OUT).first()
