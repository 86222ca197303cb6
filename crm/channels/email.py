"""E-mail by SMTP, spoken by ourselves over kept, pipelined connections."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from django.utils.translation import gettext_noop as _

from crm.channels import callbacks
from crm.channels.base import (
    BOUNCED,
    COMPLAINED,
    DELIVERED,
    Account,
    CallbackNews,
    CallbackRequest,
    Field,
    Inbound,
    Journal,
    Outcome,
    Outgoing,
)
from crm.channels.smtp_pump import KeptWires, Pump
from crm.channels.smtp_reply import SmtpRefused
from crm.channels.smtp_server import FIELDS, Server, place_of
from crm.channels.smtp_wire import Wire

WORDS = {"delivered": DELIVERED, "bounced": BOUNCED, "complained": COMPLAINED}


class EmailAdapter:
    """Sends through one SMTP server; reads bounces, complaints and replies as signed JSON."""

    channel: ClassVar[str] = "email"
    label: ClassVar[str] = "SMTP"
    unasked: ClassVar[str] = _("A mail server has no list of what it has taken.")
    takes_bytes: ClassVar[bool] = True
    fields: ClassVar[tuple[Field, ...]] = FIELDS
    place_of = staticmethod(place_of)

    def __init__(self, account: Account) -> None:
        self.account = account
        self._server = Server.of(account)
        self._kept = KeptWires()

    def send_many(self, batch: Sequence[Outgoing], *, journal: Journal) -> Iterator[Outcome]:
        """Hand every mail over; a cut connection leaves at most one mail in doubt for each."""
        return Pump(self._server, self._kept, batch, journal).outcomes()

    def check(self) -> str:
        """Greet the server and sign in; gives its words where it does not let us."""
        try:
            Wire(self._server).quit()
        except SmtpRefused as refused:
            return str(refused)
        return ""

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signature and age of a callback."""
        callbacks.verify(request, secret=self.account.callback_secret)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a bounce, complaint or receipt (`status`), or an inbound mail (`text`)."""
        raw = callbacks.read_json(request)
        if raw.get("type") != "inbound":
            return [callbacks.news(raw, words=WORDS, received_at=request.received_at)]
        return [
            Inbound(
                channel=self.channel,
                sender=callbacks.text(raw, "from"),
                recipient=callbacks.text(raw, "to"),
                body=callbacks.text(raw, "text"),
                provider_message_id=callbacks.text(raw, "message_id"),
                occurred_at=callbacks.occurred_at(raw, request.received_at),
                subject=callbacks.text(raw, "subject"),
                in_reply_to=callbacks.text(raw, "in_reply_to"),
            )
        ]

    def close(self) -> None:
        """Take leave of the server."""
        for wire in self._kept.take():
            wire.quit()
