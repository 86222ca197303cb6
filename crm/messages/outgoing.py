"""What is handed to an adapter: a draft with its sender, headers and ways back."""

from msgspec import structs

from crm import accounts, signatures
from crm.channels import base, registry
from crm.channels.dkim import Signer
from crm.choices import Channel
from crm.messages.drafts import Draft
from crm.messages.headers import common_headers, envelope_sender, headers_for, way_out_of


def outgoing(*, draft: Draft, account: base.Account) -> base.Outgoing:
    """A draft as the adapter of its account takes it: mails as bytes where it can."""
    sender = accounts.sender_of(name=account.name, channel=draft.channel)
    if draft.mail is None:
        return base.Outgoing(
            message_id=draft.message_id,
            key=draft.key,
            sender=sender,
            recipient=draft.address,
            subject=draft.subject,
            html=draft.html,
            text=draft.text,
            headers=headers_for(draft=draft),
            envelope_sender=envelope_sender(draft=draft),
            signers=_signers(draft, sender),
        )
    if not getattr(registry.adapter_class(account.provider), "takes_bytes", False):
        html, text = _readable(draft.mail.html), _readable(draft.mail.text)
        plain = structs.replace(draft, mail=None, html=html, text=text)
        return outgoing(draft=plain, account=account)
    return base.Outgoing(
        message_id=draft.message_id,
        key=draft.key,
        sender=sender,
        recipient=draft.address,
        subject=draft.subject,
        headers=common_headers(draft=draft),
        envelope_sender=envelope_sender(draft=draft),
        raw_html=draft.mail.html,
        raw_text=draft.mail.text,
        unsubscribe_url=way_out_of(draft=draft),
        signers=_signers(draft, sender),
    )


def _signers(draft: Draft, sender: str) -> tuple[Signer, ...]:
    return signatures.of_sender(sender=sender) if draft.channel == Channel.EMAIL else ()


def _readable(part: bytes) -> str:
    """A part of a mail as text again, for providers that want it so."""
    return part.decode().replace("\r\n", "\n")
