"""SMS through Aliyun (Alibaba Cloud): SendSms of 2017-05-25, signed with ACS3-HMAC-SHA256."""

import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import ClassVar
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.asking import Ask, find_each, news_of, rows_in
from crm.channels.base import (
    DEFERRED,
    DELIVERED,
    FAILED_NEWS,
    INVALID_ADDRESS,
    RATE_LIMITED,
    REJECTED,
    SENDER_REFUSED,
    SENT_NEWS,
    UNAUTHORIZED,
    UNKNOWN,
    CallbackNews,
    CallbackRequest,
    Field,
    Inbound,
    Outcome,
    Outgoing,
)
from crm.channels.callbacks import text
from crm.channels.http_client import provider_client
from crm.channels.http_many import failed, sent
from crm.channels.http_wire import Answer, Call
from crm.channels.posting import TOKEN_FIELD, VENDOR_FIELDS, PostingAdapter, refused

WORDS = {"true": DELIVERED, "false": FAILED_NEWS}
REFUSALS = {
    "isv.MOBILE_NUMBER_ILLEGAL": INVALID_ADDRESS,
    "isv.MOBILE_COUNT_OVER_LIMIT": REJECTED,
    # A limit on what one number may get, not on the account.
    "isv.BUSINESS_LIMIT_CONTROL": DEFERRED,
    "isv.DAY_LIMIT_CONTROL": DEFERRED,
    "isp.SYSTEM_ERROR": DEFERRED,
    "isp.RAM_PERMISSION_DENY": UNAUTHORIZED,
    "isv.OUT_OF_SERVICE": UNAUTHORIZED,
    "isv.AMOUNT_NOT_ENOUGH": UNAUTHORIZED,
    "isv.SMS_SIGNATURE_ILLEGAL": SENDER_REFUSED,
    "isv.SMS_SIGN_ILLEGAL": SENDER_REFUSED,
    "SignatureDoesNotMatch": UNAUTHORIZED,
    "InvalidAccessKeyId.NotFound": UNAUTHORIZED,
    "InvalidAccessKeyId.Inactive": UNAUTHORIZED,
}
_DEAD = frozenset({"MOBILE_NOT_ON_SERVICE"})
_CHINA = ZoneInfo("Asia/Shanghai")
_LIMIT_WAIT = 60.0
# `SendStatus` of a list; 1 is on its way.
_SENT_STATUS = {"2": FAILED_NEWS, "3": DELIVERED}
_MOST_DAYS = 2
_VERSION = "2017-05-25"


class AliyunSmsAdapter(PostingAdapter):
    """A text goes as the one variable of an approved template; reports come in lists."""

    label: ClassVar[str] = "Aliyun SMS"
    usual: ClassVar[str] = "https://dysmsapi.aliyuncs.com"
    fields = (
        Field("access_key_id", _("Access key id")),
        Field("access_key_secret", _("Access key secret"), is_secret=True),
        Field("sign_name", _("Signature name"), help=_("The approved name in front of the text.")),
        Field("template_code", _("Template code"), help=_("The approved template.")),
        Field(
            "template_variable",
            _("Variable of the template"),
            help=_("The text of a message becomes this variable."),
            default="content",
        ),
        TOKEN_FIELD,
        *VENDOR_FIELDS,
    )
    callback_answer: ClassVar[dict[str, object] | None] = {"code": 0, "msg": "OK"}

    def write(self, message: Outgoing) -> Call:
        """The message as parameters in the address, signed in the headers."""
        variable = self.account.option("template_variable", "content")
        return self._call(
            "SendSms",
            {
                "PhoneNumbers": _national(message.recipient),
                "SignName": self.account.option("sign_name"),
                "TemplateCode": self.account.option("template_code"),
                "TemplateParam": json.dumps({variable: message.text}, ensure_ascii=False),
                "OutId": message.key,
            },
        )

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success is the code OK and a `BizId`, whatever the status says."""
        data = answer.json()
        code = text(data, "Code")
        if answer.is_success and code == "OK":
            return sent(message, data.get("BizId"))
        detail = f"{code}: {text(data, 'Message')}"
        if code.startswith("Throttling"):
            return failed(message, RATE_LIMITED, detail, retry_after=1.0)
        reason = REFUSALS.get(code)
        if reason is not None:
            pause = _LIMIT_WAIT if reason == DEFERRED else None
            return failed(message, reason, detail, retry_after=pause)
        return failed(message, REJECTED, detail) if answer.is_success else refused(message, answer)

    def check(self) -> str:
        """Ask for the approved signature."""
        call = self._call("QuerySmsSign", {"SignName": self.account.option("sign_name")})
        with provider_client(self.account.guarded_but) as client:
            answer = client.post(call.url, headers=dict(call.headers))
        found = Answer(answer.status_code, {}, answer.content).json()
        return "" if text(found, "Code") == "OK" else text(found, "Message") or answer.text[:200]

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the token in the address: Aliyun signs nothing."""
        token = self.account.secret("callback_token") or self.account.callback_secret
        proofs.prove_token(request, token)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a list of reports (`success`) and of messages that people sent (`content`)."""
        return [self._read(row, request) for row in proofs.objects(request)]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Ask for what each number got on the days in question; `OutId` is our key."""
        return find_each(self.account, doubtful, self._find)

    def _find(self, message: Outgoing, ask: Ask) -> list[CallbackNews]:
        found = []
        for day in _days(message):
            known = {
                "PhoneNumber": _national(message.recipient),
                "SendDate": f"{day:%Y%m%d}",
                "PageSize": "50",
                "CurrentPage": "1",
            }
            answer = ask(self._call("QuerySendDetails", known))
            listed = rows_in(answer, "SmsSendDetailDTOs", "SmsSendDetailDTO")
            found += [_detail(one, message) for one in listed if text(one, "OutId") == message.key]
        return found

    def _read(self, row: dict[str, object], request: CallbackRequest) -> CallbackNews | Inbound:
        if "content" in row:
            return Inbound(
                channel=self.channel,
                sender=_international(text(row, "phone_number")),
                recipient=text(row, "dest_code"),
                body=text(row, "content"),
                provider_message_id=text(row, "sequence_id"),
                occurred_at=proofs.moment(row.get("send_time"), request.received_at, _CHINA),
            )
        code = text(row, "err_code")
        kind = WORDS.get(text(row, "success").lower(), UNKNOWN)
        return CallbackNews(
            provider_message_id=text(row, "biz_id"),
            key=text(row, "out_id"),
            kind=kind,
            occurred_at=proofs.moment(row.get("report_time"), request.received_at, _CHINA),
            recipient=_international(text(row, "phone_number")),
            reason=proofs.why(kind, code, dead=_DEAD),
            raw=row,
        )

    def _call(self, action: str, parameters: Mapping[str, str]) -> Call:
        asked_for = _query(parameters)
        headers = {
            "host": urlsplit(self.base).netloc,
            "x-acs-action": action,
            "x-acs-content-sha256": proofs.sha256(b""),
            "x-acs-date": proofs.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-version": _VERSION,
        }
        proof = authorization(
            headers,
            asked_for,
            key_id=self.account.option("access_key_id"),
            secret=self.account.secret("access_key_secret"),
        )
        said = [(name, value) for name, value in headers.items() if name != "host"]
        return Call(f"{self.base}/?{asked_for}", (*said, ("Authorization", proof)))


def _days(message: Outgoing) -> list[date]:
    """The days of China in which a message in doubt was handed over; the last ones of many."""
    first, last = message.between or (proofs.now() - timedelta(hours=1), proofs.now())
    latest = last.astimezone(_CHINA).date()
    days = (latest - first.astimezone(_CHINA).date()).days
    return [latest - timedelta(days=back) for back in range(min(days, _MOST_DAYS) + 1)]


def _detail(row: dict[str, object], message: Outgoing) -> CallbackNews:
    """What became of a message; the list does not say the id that sending gave."""
    kind = _SENT_STATUS.get(text(row, "SendStatus"), SENT_NEWS)
    told = row.get("ReceiveDate") or row.get("SendDate")
    return news_of(
        message,
        row,
        kind=kind,
        identity=None,
        at=proofs.moment(told, proofs.now(), _CHINA),
        reason=proofs.why(kind, text(row, "ErrCode"), dead=_DEAD),
    )


def authorization(
    headers: Mapping[str, str], query: str, *, key_id: str, secret: str, method: str = "POST"
) -> str:
    """The Authorization of ACS3-HMAC-SHA256 over a query in order and headers in lower case."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    content = headers["x-acs-content-sha256"]
    canonical = "\n".join((method, "/", query, lines, names, content))
    signed = "ACS3-HMAC-SHA256\n" + proofs.sha256(canonical.encode())
    signature = hmac.digest(secret.encode(), signed.encode(), "sha256").hex()
    return f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={names},Signature={signature}"


def _query(parameters: Mapping[str, str]) -> str:
    pairs = sorted(parameters.items())
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)


def _national(number: str) -> str:
    """A number as Aliyun wants it: without 86 within China, with the country's code abroad."""
    digits = number.lstrip("+")
    return digits[2:] if number.startswith("+86") else digits


def _international(number: str) -> str:
    if len(number) == 11 and number.startswith("1"):
        return f"+86{number}"
    return f"+{number}" if number.isdecimal() else number
