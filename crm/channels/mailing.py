"""What adapters share that hand every mail to a provider by one HTTP request of its own.

A provider's class says how a mail is written for its API and how its answers and callbacks are
read. Whatever a provider offers to count opens and clicks is switched off: we do that ourselves.
"""

import hmac
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import ClassVar

from django.utils.translation import gettext_noop as _

from crm.channels import mime, proofs
from crm.channels.base import (
    BLOCKED,
    BOUNCED,
    HARD_BOUNCE,
    INVALID_ADDRESS,
    SENDER_REFUSED,
    SOFT_BOUNCE,
    CallbackRequest,
    Field,
    Outcome,
    Outgoing,
)
from crm.channels.http_many import failed, sent
from crm.channels.http_wire import Answer, Call
from crm.channels.mime import Address, InvalidAddress
from crm.channels.posting import UNCLEAR, PostingAdapter, in_doubt, refused

# Under this name our key travels with a mail and comes back in callbacks.
KEY = "rapport_key"
PASSWORD_FIELD = Field(
    "callback_password",
    _("Password of callbacks"),
    help=_(
        "Callbacks are not signed: give the provider the address with “rapport:” and this word "
        "and @ before the host, or with ?token= and this word at its end."
    ),
    is_secret=True,
)
JSON_KIND = ("Content-Type", "application/json")
# Providers that cannot reach us try for so long, some without signing anew.
RETRIED_FOR = timedelta(hours=25)
# Codes of RFC 3463 that say there is nobody, now and later; other permanent ones are about us.
_NOBODY = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})
_FULL = frozenset({"5.2.2", "5.2.3", "5.3.4"})
_CODE = re.compile(r"(?<![\d.])[45]\.\d\.\d{1,2}(?![\d.]*\d)")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as APIs want it: its addresses apart, its headers on one line each."""

    outgoing: Outgoing
    sender: Address
    recipient: Address

    @property
    def key(self) -> str:
        """Our key, which tells the message in callbacks."""
        return self.outgoing.key

    @property
    def subject(self) -> str:
        """The subject on one line."""
        return mime.clean(self.outgoing.subject)

    @property
    def html(self) -> str:
        """The HTML part; empty where there is none."""
        return self.outgoing.html.replace("\x00", "")

    @property
    def text(self) -> str:
        """The text part; a mail of neither part has an empty line."""
        text = self.outgoing.text.replace("\x00", "")
        return text or ("" if self.html else "\n")

    @property
    def is_bulk(self) -> bool:
        """Whether it can be unsubscribed from: marketing, not what a customer waits for."""
        return any(name.lower() == "list-unsubscribe" for name, _value in self.outgoing.headers)

    def headers(self, *, without: Collection[str] = ()) -> list[tuple[str, str]]:
        """The Message-ID and every header of ours, but for those a provider keeps to itself.

        `without` has names in lower case.
        """
        ours = ("Message-ID", f"<{mime.message_id(self.outgoing)}>")
        every = [ours, *mime.foreign(self.outgoing.headers)]
        return [(name, mime.clean(value)) for name, value in every if name.lower() not in without]

    def raw(self) -> bytes:
        """The whole mail in MIME, without a byte beyond ASCII, for APIs that take it so."""
        return mime.build(
            self.outgoing, sender=self.sender, recipient=self.recipient, eight_bit=False
        )


class MailerAdapter(PostingAdapter):
    """Sends mails by HTTP: `compose` writes the request, `identity` finds the id of the answer.

    `refusals` are words of the provider's and why a mail is refused where they are in an answer;
    the first one that is found counts.
    """

    channel: ClassVar[str] = "email"
    # Many call again and again unless they are answered with 200.
    callback_answer: ClassVar[dict[str, object] | None] = {}
    refusals: ClassVar[Mapping[str, str]] = {}

    def compose(self, mail: Mail) -> Call:
        """The request for a mail."""
        raise NotImplementedError

    def identity(self, answer: Answer) -> object:
        """The provider's id of the mail that it has taken."""
        return answer.json().get("id")

    def write(self, message: Outgoing) -> Call | Outcome:
        """The request for a message, or why it is no mail that can be sent."""
        try:
            sender = mime.parse_address(message.sender).in_ascii()
        except InvalidAddress as error:
            return failed(message, SENDER_REFUSED, str(error))
        try:
            recipient = mime.parse_recipient(message.recipient).in_ascii()
        except InvalidAddress as error:
            return failed(message, INVALID_ADDRESS, str(error))
        return self.compose(Mail(message, sender, recipient))

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success has the provider's id; a refusal is known by its words, else by its status."""
        if answer.is_success:
            return sent(message, self.identity(answer) or message.key)
        return self.refusal(message, answer)

    def refusal(self, message: Outgoing, answer: Answer) -> Outcome:
        """What an answer without success means.

        Where the provider broke down, it may have taken the mail before: that stays in doubt.
        """
        code = answer.status
        if code in UNCLEAR and not self.is_idempotent:
            return in_doubt(message, answer)
        if code != 429 and code < 500:
            said = _bare(self.said(answer))
            for theirs, reason in self.refusals.items():
                if _bare(theirs) in said:
                    return failed(message, reason, answer.text())
        return refused(message, answer)

    def said(self, answer: Answer) -> str:
        """Where the provider's words are looked for."""
        return answer.text()

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the password, for providers that sign nothing."""
        prove_password(request, self.password)

    def _write(self, message: Outgoing) -> Call | Outcome:
        return self.write(message)

    @property
    def password(self) -> str:
        """What callbacks that are not signed carry."""
        return self.account.secret(PASSWORD_FIELD.name) or self.account.callback_secret


def json_call(url: str, data: object, *headers: tuple[str, str]) -> Call:
    """A request with a JSON body."""
    body = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
    return Call(url, (*headers, JSON_KIND, ("Accept", "application/json")), body)


def named(address: Address, *, name: str = "name", email: str = "email") -> dict[str, str]:
    """An address in two fields; a name that is empty is left out."""
    shown = mime.clean(address.name)
    return {email: address.address} | ({name: shown} if shown else {})


def prove_password(request: CallbackRequest, password: str) -> None:
    """For providers that sign nothing: the caller knows a word of ours, by either way to say it."""
    kind, _space, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        proofs.prove(proofs.same(proofs.password_of(given), password, secret=password))
        return
    proofs.prove_token(request, password)


def form_fields(request: CallbackRequest) -> list[tuple[str, str]]:
    """The fields of a form, however it is encoded; files are left out."""
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        return proofs.form(request)
    head = f"Content-Type: {mime.clean(kind)}\r\n\r\n".encode()
    found = []
    for one in message_from_bytes(head + request.body, policy=policy.HTTP).walk():
        name = one.get_param("name", header="content-disposition")
        if isinstance(name, str) and one.get_filename() is None:
            raw = one.get_payload(decode=True)
            found.append((name, raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""))
    return found


def batch(request: CallbackRequest) -> list[dict[str, object]]:
    """The objects of a callback that holds one or a list of them, which may be empty."""
    return [] if request.body.strip() == b"[]" else proofs.objects(request)


def prove_hex(request: CallbackRequest, *, header: str, secret: str) -> None:
    """For providers that sign the body: HMAC-SHA256 in hex, in a header of theirs."""
    wanted = hmac.digest(secret.encode(), request.body, "sha256").hex()
    proofs.prove(proofs.same(request.headers.get(header, ""), wanted, secret=secret))


def since_epoch(seconds: object, otherwise: datetime) -> datetime:
    """A moment that is told in Unix seconds."""
    try:
        return datetime.fromtimestamp(float(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise


def part(raw: object, *names: str) -> dict[str, object]:
    """An object inside of others; empty where there is none."""
    for name in names:
        raw = raw.get(name) if isinstance(raw, dict) else None
    return raw if isinstance(raw, dict) else {}


def rows(raw: object) -> list[dict[str, object]]:
    """The objects of a list; empty where it is none."""
    return [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []


def word(value: object) -> str:
    """A value as text that a database can keep; nothing is empty."""
    return "" if value is None else str(value).replace("\x00", "")


def bounce_by_code(text: str, *, otherwise: str) -> str:
    """The class of a bounce by the code of RFC 3463 that the server gave, where it gave one."""
    found = _CODE.search(text)
    if found is None:
        return otherwise
    code = found[0]
    if code[0] == "4" or code in _FULL:
        return SOFT_BOUNCE
    return HARD_BOUNCE if code in _NOBODY else BLOCKED


def _bare(text: str) -> str:
    """A text to be compared: providers differ in letters and white space from day to day."""
    return "".join(text.lower().split())


def why_bounced(kind: str, given: str) -> str:
    """The class of a bounce; news of other kinds have none."""
    return given if kind == BOUNCED else ""
