"""SMS through Tencent Cloud: SendSms of 2021-01-11, signed with TC3-HMAC-SHA256."""

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.base import (
    DEFERRED,
    DELIVERED,
    FAILED_NEWS,
    INVALID_ADDRESS,
    RATE_LIMITED,
    REJECTED,
    SENDER_REFUSED,
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
from crm.channels.posting import (
    NOTHING_OF_OURS,
    TOKEN_FIELD,
    VENDOR_FIELDS,
    PostingAdapter,
    in_doubt,
    refused,
)

WORDS = {"SUCCESS": DELIVERED, "FAIL": FAILED_NEWS}
# By what a code begins with; the longest that fits counts.
REFUSALS = {
    "AuthFailure": UNAUTHORIZED,
    "UnauthorizedOperation": UNAUTHORIZED,
    "FailedOperation.InsufficientBalanceInSmsPackage": UNAUTHORIZED,
    "FailedOperation.SignatureIncorrectOrUnapproved": SENDER_REFUSED,
    "FailedOperation.PhoneNumberInBlacklist": REJECTED,
    "InvalidParameterValue.IncorrectPhoneNumber": INVALID_ADDRESS,
    "RequestLimitExceeded": RATE_LIMITED,
    "LimitExceeded.PhoneNumber": DEFERRED,
    "LimitExceeded.DeliveryFrequencyLimit": DEFERRED,
    "LimitExceeded": RATE_LIMITED,
    "InternalError": DEFERRED,
}
_PAUSES = {RATE_LIMITED: 1.0, DEFERRED: 60.0}
_CHINA = ZoneInfo("Asia/Shanghai")
_VERSION = "2021-01-11"
_SIGNED = "content-type;host;x-tc-action"
_JSON = "application/json; charset=utf-8"


class TencentSmsAdapter(PostingAdapter):
    """A text goes as the one variable of an approved template; reports come in lists."""

    label: ClassVar[str] = "Tencent Cloud SMS"
    usual: ClassVar[str] = "https://sms.tencentcloudapi.com"
    unasked: ClassVar[str] = NOTHING_OF_OURS
    fields = (
        Field("secret_id", _("Secret id")),
        Field("secret_key", _("Secret key"), is_secret=True),
        Field("sdk_app_id", _("SMS application id")),
        Field(
            "sign_name",
            _("Signature name"),
            help=_("The approved name in front of the text."),
            is_needed=False,
        ),
        Field("template_id", _("Template id"), help=_("The approved template.")),
        Field("region", _("Region"), default="ap-guangzhou"),
        TOKEN_FIELD,
        *VENDOR_FIELDS,
    )
    callback_answer: ClassVar[dict[str, object] | None] = {"result": 0, "errmsg": "OK"}

    def write(self, message: Outgoing) -> Call:
        """The message as JSON, signed in the headers."""
        data: dict[str, object] = {
            "PhoneNumberSet": [message.recipient],
            "SmsSdkAppId": self.account.option("sdk_app_id"),
            "TemplateId": self.account.option("template_id"),
            "TemplateParamSet": [message.text],
            "SessionContext": message.key,
        }
        if sign_name := self.account.option("sign_name"):
            data["SignName"] = sign_name
        return self._call("SendSms", data)

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success has a status for the number with the code Ok and a `SerialNo`."""
        found = answer.json().get("Response")
        if not answer.is_success or not isinstance(found, dict):
            return refused(message, answer)
        rows = found.get("SendStatusSet")
        row = rows[0] if isinstance(rows, list) and rows else found.get("Error")
        if not isinstance(row, dict):
            return in_doubt(message, answer)
        code = str(row.get("Code", ""))
        if code == "Ok":
            return sent(message, row.get("SerialNo"))
        fitting = [begin for begin in REFUSALS if code.startswith(begin)]
        reason = REFUSALS[max(fitting, key=len)] if fitting else REJECTED
        detail = f"{code}: {row.get('Message', '')}"
        return failed(message, reason, detail, retry_after=_PAUSES.get(reason))

    def check(self) -> str:
        """Ask for the approved template."""
        wanted = self.account.option("template_id")
        known: dict[str, object] = {
            "TemplateIdSet": [int(wanted)] if wanted.isdecimal() else [],
            "International": 0,
        }
        call = self._call("DescribeSmsTemplateList", known)
        with provider_client(self.account.guarded_but) as client:
            answer = client.post(call.url, headers=dict(call.headers), content=call.body)
        found = Answer(answer.status_code, {}, answer.content).json().get("Response")
        if not isinstance(found, dict):
            return answer.text[:200]
        error = found.get("Error")
        return f"{error.get('Code')}: {error.get('Message')}" if isinstance(error, dict) else ""

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the token in the address: Tencent signs nothing."""
        token = self.account.secret("callback_token") or self.account.callback_secret
        proofs.prove_token(request, token)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a list of reports, or a message that somebody sent (`text`)."""
        return [self._read(row, request) for row in proofs.objects(request)]

    def _read(self, row: dict[str, object], request: CallbackRequest) -> CallbackNews | Inbound:
        number = _number(row)
        if "report_status" not in row and "text" in row:
            sent_at = row.get("time")
            return Inbound(
                channel=self.channel,
                sender=number,
                recipient=text(row, "extend"),
                body=text(row, "text"),
                provider_message_id=f"{text(row, 'time')}-{number}",
                occurred_at=proofs.unix(sent_at) if sent_at else request.received_at,
            )
        kind = WORDS.get(text(row, "report_status"), UNKNOWN)
        return CallbackNews(
            provider_message_id=text(row, "sid"),
            key=text(row, "ext"),
            kind=kind,
            occurred_at=proofs.moment(row.get("user_receive_time"), request.received_at, _CHINA),
            recipient=number,
            reason=proofs.why(kind, text(row, "errmsg")),
            raw=row,
        )

    def _call(self, action: str, data: Mapping[str, object]) -> Call:
        body, now = json.dumps(data).encode(), proofs.now()
        proof = authorization(
            body,
            host=urlsplit(self.base).netloc,
            action=action,
            at=now,
            key_id=self.account.option("secret_id"),
            secret=self.account.secret("secret_key"),
        )
        headers = (
            ("Authorization", proof),
            ("Content-Type", _JSON),
            ("X-TC-Action", action),
            ("X-TC-Version", _VERSION),
            ("X-TC-Region", self.account.option("region", "ap-guangzhou")),
            ("X-TC-Timestamp", str(int(now.timestamp()))),
        )
        return Call(f"{self.base}/", headers, body)


def authorization(
    body: bytes, *, host: str, action: str, at: datetime, key_id: str, secret: str
) -> str:
    """The Authorization of TC3-HMAC-SHA256 over the body and three headers."""
    service, day = host.partition(".")[0], at.strftime("%Y-%m-%d")
    lines = f"content-type:{_JSON}\nhost:{host}\nx-tc-action:{action.lower()}\n"
    canonical = "\n".join(("POST", "/", "", lines, _SIGNED, proofs.sha256(body)))
    scope = f"{day}/{service}/tc3_request"
    to_sign = (
        "TC3-HMAC-SHA256",
        str(int(at.timestamp())),
        scope,
        proofs.sha256(canonical.encode()),
    )
    key = f"TC3{secret}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, "\n".join(to_sign).encode(), "sha256").hex()
    known = f"Credential={key_id}/{scope}, SignedHeaders={_SIGNED}"
    return f"TC3-HMAC-SHA256 {known}, Signature={signature}"


def _number(row: Mapping[str, object]) -> str:
    mobile, country = text(row, "mobile"), text(row, "nationcode")
    return mobile if mobile.startswith("+") else f"+{country}{mobile}"
