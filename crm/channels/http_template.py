"""SMS through any HTTP provider: staff say how a request is written and how answers are read.

Placeholders in braces are replaced and nothing else is understood: {to}, {to_digits}, {from},
{text}, {key}, {callback_url} and the account's {secret}. Each is written as its place needs it:
as JSON inside JSON, percent-encoded in addresses and forms.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import ClassVar
from urllib.parse import quote_plus

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.base import (
    DELIVERED,
    FAILED_NEWS,
    REJECTED,
    SENT_NEWS,
    UNKNOWN,
    Account,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Field,
    Inbound,
    Outcome,
    Outgoing,
)
from crm.channels.http_many import failed, sent
from crm.channels.http_wire import Answer, Call
from crm.channels.posting import SMS_FIELDS, TOKEN_FIELD, PostingAdapter, refused

WORDS = {
    "accepted": SENT_NEWS,
    "queued": SENT_NEWS,
    "sent": SENT_NEWS,
    "delivered": DELIVERED,
    "delivrd": DELIVERED,
    "undelivered": FAILED_NEWS,
    "undeliv": FAILED_NEWS,
    "failed": FAILED_NEWS,
    "rejected": FAILED_NEWS,
    "rejectd": FAILED_NEWS,
    "expired": FAILED_NEWS,
}
_MEANINGS = {"sent": SENT_NEWS, "delivered": DELIVERED, "failed": FAILED_NEWS}
_PLACE = re.compile(r"\{([a-z_]+)\}")
# A body that is a form by its looks, where nobody says what it is.
_PAIRS = re.compile(r"\s*[\w.\[\]-]+=")
_FORM = "application/x-www-form-urlencoded"


class HttpTemplateAdapter(PostingAdapter):
    """One request a message, as staff have written it."""

    label: ClassVar[str] = "HTTP"
    fields = (
        Field("method", _("Method"), default="POST", choices=("POST", "GET", "PUT")),
        Field(
            "url", _("Address"), help=_("Placeholders: {to}, {to_digits}, {from}, {text}, {key}.")
        ),
        Field(
            "headers",
            _("Request headers"),
            help=_("One a line: “Name: value”; {secret} is the secret below."),
            default="Content-Type: application/json",
            is_needed=False,
            is_long=True,
        ),
        Field(
            "body",
            _("Body"),
            help=_("JSON, a form or any text, with the same placeholders and {callback_url}."),
            default='{"to": "{to}", "from": "{from}", "text": "{text}"}',
            is_needed=False,
            is_long=True,
        ),
        Field("secret", _("Secret"), is_secret=True, is_needed=False),
        Field(
            "success",
            _("Success is"),
            help=_(
                "A place in the JSON of the answer and its value, such as “status=ok”; empty: 2xx."
            ),
            is_needed=False,
        ),
        Field("id_path", _("Where the id is"), help=_("Such as “messages.0.id”."), default="id"),
        Field(
            "callback_id",
            _("Id in callbacks"),
            help=_("The field of a callback that has the id; also a place in JSON."),
            default="id",
        ),
        Field("callback_status", _("Status in callbacks"), default="status"),
        Field(
            "callback_words",
            _("Words of callbacks"),
            help=_(
                "One a line, theirs and ours: “DELIVRD delivered”; ours: sent, delivered, failed."
            ),
            is_needed=False,
            is_long=True,
        ),
        Field("callback_from", _("Sender of answers"), default="from", is_needed=False),
        Field("callback_text", _("Text of answers"), default="text", is_needed=False),
        TOKEN_FIELD,
        *SMS_FIELDS,
    )

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._words = WORDS | {
            theirs.lower(): _MEANINGS[ours]
            for line in account.option("callback_words").splitlines()
            for theirs, _, ours in [line.strip().rpartition(" ")]
            if ours in _MEANINGS
        }

    def write(self, message: Outgoing) -> Call:
        """The request that staff have written, with the message in its places."""
        said = self.account.option
        values = self._values(message)
        headers = tuple(
            (name.strip(), _filled(value.strip(), values, str))
            for line in said("headers").splitlines()
            for name, colon, value in [line.partition(":")]
            if colon
        )
        kinds = [value for name, value in headers if name.lower() == "content-type"]
        body = said("body") if said("method", "POST") != "GET" else ""
        return Call(
            _filled(self.account.url, values, quote_plus),
            headers,
            _filled(body, values, _writer(kinds[0] if kinds else "", body)).encode(),
            said("method", "POST"),
        )

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success is 2xx and the rule that staff gave."""
        if not answer.is_success:
            return refused(message, answer)
        data = _decoded(answer.body)
        if not _holds(self.account.option("success"), data):
            return failed(message, REJECTED, answer.text())
        found = _at(data, self.account.option("id_path", "id"))
        # Some answer with the bare id, and some with nothing that tells messages apart.
        bare = "" if isinstance(data, dict | list) else answer.text().strip()[:200]
        return sent(message, found or bare or message.key)

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the token in the address."""
        proofs.prove_token(request, self._token)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a callback by the places that staff gave."""
        data, said = _callback_data(request), self.account.option
        status = _at(data, said("callback_status", "status"))
        identity = _word(_at(data, said("callback_id", "id")))
        body = _at(data, said("callback_text", "text"))
        if status in (None, "") and body is not None:
            return [
                Inbound(
                    channel=self.channel,
                    sender=_word(_at(data, said("callback_from", "from"))),
                    recipient=_word(_at(data, "to")),
                    body=_word(body),
                    provider_message_id=identity,
                    occurred_at=request.received_at,
                )
            ]
        key = proofs.key_in(request)
        if not (identity or key):
            raise CallbackRefused("The callback names no message.")
        return [
            CallbackNews(
                provider_message_id=identity,
                key=key,
                kind=self._words.get(_word(status).lower(), UNKNOWN),
                occurred_at=request.received_at,
                recipient=_word(_at(data, "to")),
                reason="",
                raw=data if isinstance(data, dict) else {"data": data},
            )
        ]

    @property
    def _token(self) -> str:
        return self.account.secret("callback_token") or self.account.callback_secret

    def _values(self, message: Outgoing) -> dict[str, str]:
        return {
            "to": message.recipient,
            "to_digits": message.recipient.lstrip("+"),
            "from": message.sender,
            "text": message.text,
            "key": message.key,
            "callback_url": proofs.with_key(
                proofs.with_token(self.account.callback_url, self._token), message.key
            ),
            "secret": self.account.secret("secret"),
        }


def _filled(template: str, values: Mapping[str, str], write: Callable[[str], str]) -> str:
    """A template with its placeholders replaced; braces around anything else stay."""
    return _PLACE.sub(
        lambda found: write(values[found[1]]) if found[1] in values else found[0], template
    )


def _holds(rule: str, data: object) -> bool:
    """Whether an answer is a success by “place=value”; a place alone wants anything but nothing."""
    place, equals, wanted = (part.strip().lower() for part in rule.partition("="))
    value = _at(data, rule.partition("=")[0].strip()) if place else True
    if not equals:
        return bool(value)
    return wanted in ({"", "null", "none"} if value is None else {str(value).lower()})


def _writer(content_type: str, body: str) -> Callable[[str], str]:
    content_type = content_type.lower()
    if "json" in content_type or (not content_type and body.lstrip()[:1] in {"{", "["}):
        return lambda value: json.dumps(value)[1:-1]
    if content_type.startswith(_FORM) or (not content_type and _PAIRS.match(body)):
        return quote_plus
    if "xml" in content_type:
        return _in_xml
    return str


def _in_xml(value: str) -> str:
    from xml.sax.saxutils import escape

    return escape(value, {'"': "&quot;", "'": "&apos;"})


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _callback_data(request: CallbackRequest) -> object:
    data = _decoded(request.body)
    if isinstance(data, dict | list):
        return data
    return dict([*proofs.query(request), *proofs.form(request)])


def _at(data: object, path: str) -> object:
    """What lies at a place such as “messages.0.id”."""
    for step in path.split("."):
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data


def _word(value: object) -> str:
    return "" if value is None else str(value).replace("\x00", "")
