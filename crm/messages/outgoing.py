"""What is handed to an adapter: drafts with their sender, headers and ways back."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import structs

from crm import accounts, signatures
from crm.channels import base, registry
from crm.channels.dkim import Signer
from crm.choices import Channel
from crm.messages.drafts import Draft
from crm.messages.headers import (
    Headers,
    common_headers,
    envelope_senders,
    has_way_out,
    is_mail_read,
    link_out_of,
    unsubscribe_address,
    way_out_headers,
)
from crm.messages.opting_out import own_way_out, text_as_sent


class _Common(msgspec.Struct, frozen=True):
    """What the drafts of a batch have alike."""

    sender: str
    headers: Headers
    signers: tuple[Signer, ...]
    # Where each comes back to, by the id of its message.
    envelope_sender: Callable[[int], str]
    has_way_out: bool = False
    # Whether a mail that asks for an end would be read.
    by_mail: bool = False


def outgoing_many(*, drafts: Sequence[Draft], account: base.Account) -> list[base.Outgoing]:
    """Drafts as the adapter of their account takes them: mails as bytes where it can."""
    takes_bytes = getattr(registry.adapter_class(account.provider), "takes_bytes", False)
    known: dict[tuple[object, ...], _Common] = {}
    batch = []
    for draft in drafts:
        alike = (
            draft.channel,
            draft.purpose,
            draft.author,
            draft.source_kind,
            draft.template_version_id,
            draft.headers,
        )
        common = known.get(alike)
        if common is None:
            common = known[alike] = _common(draft, account)
        if draft.mail is None:
            batch.append(_readable(_ending(draft, account), common))
        elif takes_bytes:
            batch.append(_encoded(draft, common))
        else:
            html, text = _as_text(draft.mail.html.whole()), _as_text(draft.mail.text)
            batch.append(_readable(structs.replace(draft, html=html, text=text), common))
    return batch


def _common(draft: Draft, account: base.Account) -> _Common:
    sender = accounts.sender_of(name=account.name, channel=draft.channel)
    signers = signatures.of_sender(sender=sender) if draft.channel == Channel.EMAIL else ()
    ends = has_way_out(channel=draft.channel, purpose=draft.purpose)
    return _Common(
        sender=sender,
        headers=common_headers(draft=draft),
        signers=signers,
        envelope_sender=envelope_senders(channel=draft.channel),
        has_way_out=ends,
        by_mail=ends and is_mail_read(),
    )


def _encoded(draft: Draft, common: _Common) -> base.Outgoing:
    assert draft.mail is not None
    return base.Outgoing(
        message_id=draft.message_id,
        key=draft.key,
        sender=common.sender,
        recipient=draft.address,
        subject=draft.subject,
        headers=common.headers,
        envelope_sender=common.envelope_sender(draft.message_id),
        raw_html=draft.mail.html,
        raw_text=draft.mail.text,
        unsubscribe_url=link_out_of(draft=draft) if common.has_way_out else "",
        unsubscribe_mail=_address(draft, common),
        signers=common.signers,
    )


def _readable(draft: Draft, common: _Common) -> base.Outgoing:
    return base.Outgoing(
        message_id=draft.message_id,
        key=draft.key,
        sender=common.sender,
        recipient=draft.address,
        subject=draft.subject,
        html=draft.html,
        text=draft.text,
        headers=(
            *way_out_headers(draft=draft, by_mail=_address(draft, common)),
            *common.headers,
        ),
        envelope_sender=common.envelope_sender(draft.message_id),
        signers=common.signers,
    )


def _ending(draft: Draft, account: base.Account) -> Draft:
    """The draft with the words for its way out, where it is a text that has none."""
    said = {"channel": draft.channel, "purpose": draft.purpose, "number": draft.address}
    said["own"] = own_way_out(variables=draft.variables)
    text = text_as_sent(text=draft.text, account=account, **said)
    return draft if text == draft.text else structs.replace(draft, text=text)


def _address(draft: Draft, common: _Common) -> str:
    return unsubscribe_address(message_id=draft.message_id) if common.by_mail else ""


def _as_text(part: bytes) -> str:
    """A part of a mail as text again, for providers that want it so."""
    return part.decode().replace("\r\n", "\n")
