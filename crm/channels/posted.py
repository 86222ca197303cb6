"""Mails that providers post to us: as they came, or taken apart; read into mails again.

One address takes the shapes of all of them: Mailgun, SendGrid, Postmark, SparkPost, Mandrill,
Amazon SES, Mailjet, Brevo, MailerSend, Postal, and a mail posted as it is.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import parse_qsl

from crm.channels.base import CallbackRefused, CallbackRequest
from crm.channels.mailing import part, rows, word

_RAW = frozenset({"message/rfc822", "application/octet-stream", "text/plain"})
# Of a mail that is put together again, what describes its parts is written anew.
_NAME = re.compile(r"[!-9;-~]+")
_OF_PARTS = ("content-type", "content-transfer-encoding", "mime-version")


@dataclass(frozen=True, slots=True)
class PostedMail:
    """One mail, and whom its envelope was for where the provider says so."""

    raw: bytes
    recipient: str = ""


def mails_in(request: CallbackRequest) -> list[PostedMail]:
    """The mails of a request, whichever provider posts it; CallbackRefused where there is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        found = list(_of_form(_form(request, kind)))
    elif kind in _RAW and not request.body.lstrip().startswith((b"{", b"[")):
        found = [PostedMail(request.body, request.headers.get("x-original-to", ""))]
    else:
        found = list(_of_json(_json(request.body)))
    mails = [one for one in found if one.raw.strip()]
    if not mails:
        raise CallbackRefused("The request holds no mail that is known.")
    return mails


def _form(request: CallbackRequest, kind: str) -> dict[str, bytes]:
    """The fields of a form as bytes: a mail in it may be in any charset."""
    if kind == "application/x-www-form-urlencoded":
        body = request.body.decode("latin-1")
        pairs = parse_qsl(body, keep_blank_values=True, encoding="latin-1")
        return {name: value.encode("latin-1") for name, value in pairs}
    kind_line = request.headers["content-type"].replace("\r", "").replace("\n", "")
    head = f"Content-Type: {kind_line}\r\n\r\n".encode()
    fields = {}
    for one in message_from_bytes(head + request.body, policy=policy.HTTP).walk():
        name = one.get_param("name", header="content-disposition")
        if isinstance(name, str):
            raw = one.get_payload(decode=True)
            fields[name] = raw if isinstance(raw, bytes) else b""
    return fields


def _of_form(fields: Mapping[str, bytes]) -> Iterator[PostedMail]:
    """Mailgun's `body-mime`, SendGrid's `email`, both taken apart too; Mandrill's events."""
    if "body-mime" in fields:
        yield PostedMail(fields["body-mime"], _said(fields, "recipient"))
    elif "message-headers" in fields:
        listed = _listed(_json(fields["message-headers"]))
        pairs = [(word(one[0]), word(one[1])) for one in listed if len(one) == 2]
        texts = _said(fields, "body-plain"), _said(fields, "body-html")
        yield PostedMail(together(pairs, *texts), _said(fields, "recipient"))
    elif "email" in fields:
        yield PostedMail(fields["email"], _envelope(fields))
    elif "headers" in fields:
        lines = message_from_bytes(fields["headers"], policy=policy.compat32).items()
        codes = part(_json(fields.get("charsets", b"{}")))
        texts = _coded(fields, "text", codes), _coded(fields, "html", codes)
        made = together([(name, str(said)) for name, said in lines], *texts)
        yield PostedMail(made, _envelope(fields))
    for event in rows(_json(fields.get("mandrill_events", b"[]"))):
        told = part(event, "msg")
        yield PostedMail(_bytes(told.get("raw_msg")), word(told.get("email")))


def _of_json(data: object) -> Iterator[PostedMail]:
    for one in rows(data) if isinstance(data, list) else [part(data)]:
        for names, read in _SHAPES.items():
            if all(name in one for name in names):
                yield from read(one)
                break


def _postmark(told: Mapping[str, object]) -> Iterator[PostedMail]:
    raw = _bytes(told.get("RawEmail"))
    if not raw:
        named = rows(told.get("Headers"))
        given = [(word(one.get("Name")), word(one.get("Value"))) for one in named]
        given.append(("From", word(told.get("From") or part(told, "FromFull").get("Email"))))
        others = ("To", "Cc", "Subject", "Date")
        given += [(name, word(told.get(name))) for name in others if told.get(name)]
        raw = together(given, word(told.get("TextBody")), word(told.get("HtmlBody")))
    yield PostedMail(raw, word(told.get("OriginalRecipient")))


def _sparkpost(told: Mapping[str, object]) -> Iterator[PostedMail]:
    relayed = part(told, "msys", "relay_message")
    content = part(relayed, "content")
    raw = _bytes(content.get("email_rfc822"))
    if content.get("email_rfc822_is_base64") is True:
        raw = _unpacked(raw)
    yield PostedMail(raw, word(relayed.get("rcpt_to")))


def _sns(told: Mapping[str, object]) -> Iterator[PostedMail]:
    """A notification of Amazon SES about a mail that came in, in the envelope of its topic."""
    yield from _ses(part(_json(_bytes(told["Message"]))))


def _ses(told: Mapping[str, object]) -> Iterator[PostedMail]:
    raw, receipt = _bytes(told.get("content")), part(told, "receipt")
    if word(part(receipt, "action").get("encoding")).upper() == "BASE64":
        raw = _unpacked(raw)
    to = receipt.get("recipients")
    yield PostedMail(raw, word(to[0]) if isinstance(to, list) and to else "")


def _mailersend(told: Mapping[str, object]) -> Iterator[PostedMail]:
    data = part(told, "data")
    to = rows(part(data, "recipients").get("rcptTo"))
    yield PostedMail(_bytes(data.get("raw")), word(to[0].get("email")) if to else "")


def _postal(told: Mapping[str, object]) -> Iterator[PostedMail]:
    raw = _bytes(told["message"])
    raw = _unpacked(raw) if told.get("base64") is True else raw
    yield PostedMail(raw, word(told.get("rcpt_to")))


def _mailjet(told: Mapping[str, object]) -> Iterator[PostedMail]:
    texts = word(told.get("Text-part")), word(told.get("Html-part"))
    headers = _every(part(told, "Headers"))
    yield PostedMail(together(headers, *texts), word(told.get("Recipient")))


def _brevo(told: Mapping[str, object]) -> Iterator[PostedMail]:
    for one in rows(told["items"]):
        texts = word(one.get("RawTextBody")), word(one.get("RawHtmlBody"))
        headers = part(one, "Headers")
        yield PostedMail(together(_every(headers), *texts), word(headers.get("Delivered-To")))


def _plain(told: Mapping[str, object]) -> Iterator[PostedMail]:
    yield PostedMail(_bytes(told["raw"]), word(told.get("recipient")))


# By the fields that only one provider posts together.
_SHAPES: dict[tuple[str, ...], Callable[[Mapping[str, object]], Iterator[PostedMail]]] = {
    ("RawEmail",): _postmark,
    ("FromFull",): _postmark,
    ("msys",): _sparkpost,
    ("TopicArn", "Message"): _sns,
    ("receipt", "content"): _ses,
    ("type", "data"): _mailersend,
    ("rcpt_to", "message"): _postal,
    ("Sender", "Recipient", "Headers"): _mailjet,
    ("items",): _brevo,
    ("raw",): _plain,
}


def together(headers: Iterable[tuple[str, str]], text: str, html: str) -> bytes:
    """A mail made of its headers and its texts; attachments are left out."""
    text, html = (one.encode("utf-8", "replace").decode() for one in (text, html))
    mail = EmailMessage(policy=policy.SMTP)
    if text or not html:
        mail.set_content(text)
    if html and text:
        mail.add_alternative(html, subtype="html")
    elif html:
        mail.set_content(html, subtype="html")
    lines = [
        f"{name}: {' '.join(value.split())}".encode("utf-8", "replace")
        for name, value in headers
        if name.lower() not in _OF_PARTS and _NAME.fullmatch(name)
    ]
    return b"\r\n".join((*lines, mail.as_bytes()))


def _every(headers: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Headers one by one: what stood several times comes as a list."""
    for name, value in headers.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, word(one)


def _listed(found: object) -> list[list[str]]:
    return [one for one in found if isinstance(one, list)] if isinstance(found, list) else []


def _envelope(fields: Mapping[str, bytes]) -> str:
    to = part(_json(fields.get("envelope", b"{}"))).get("to")
    return word(to[0]) if isinstance(to, list) and to else ""


def _coded(fields: Mapping[str, bytes], name: str, codes: Mapping[str, object]) -> str:
    """A field in the charset that another one names for it."""
    try:
        return fields.get(name, b"").decode(word(codes.get(name)) or "utf-8", "replace")
    except (LookupError, ValueError):
        return _said(fields, name)


def _said(fields: Mapping[str, bytes], name: str) -> str:
    return fields.get(name, b"").decode("utf-8", "replace").replace("\x00", "")


def _bytes(value: object) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else b""


def _unpacked(raw: bytes) -> bytes:
    try:
        return base64.b64decode(raw)
    except ValueError as error:
        raise CallbackRefused("The mail in the request is not base64.") from error


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise CallbackRefused("The request is neither a mail nor JSON.") from error
