"""Tencent Cloud SMS: SendSms of 2021-01-11."""

import hashlib
import hmac
import re
import time
from datetime import UTC, datetime, timedelta

from crm.simulator.http import Posted, Request, Response
from crm.simulator.vendors.shapes import Keys, Said, Taken, as_json, data_of, identity_of

_PROOF = re.compile(r"Credential=[^/]+/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})")


class TencentSms:
    """JSON with a signature in the headers in, JSON out, lists without a signature back."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> Taken | Response:
        """`POST /` signed with TC3-HMAC-SHA256."""
        if not self._is_signed(request):
            return _error("AuthFailure.SignatureFailure", "The provided credentials are wrong.")
        if request.headers.get("x-tc-action") != "SendSms":
            return Response(200, {"Response": {"RequestId": "0"}})
        data = data_of(request)
        people, words = data.get("PhoneNumberSet"), data.get("TemplateParamSet")
        if not isinstance(people, list) or not isinstance(words, list):
            return _error("MissingParameter", "A parameter is missing.")
        identity = f"5000:{int(identity_of(request)[:16], 16)}"
        key, name = str(data.get("SessionContext", "")), str(data.get("SignName", ""))
        return Taken(identity, key, name, str(people[0]), "".join(map(str, words)))

    def accepted(self, taken: Taken) -> Response:
        """200 with a status for the number."""
        return _answer(taken, "Ok", "send success", taken.identity, 1)

    def refused(self, taken: Taken) -> Response:
        """200 with a status that is an error."""
        code = "InvalidParameterValue.IncorrectPhoneNumber"
        return _answer(taken, code, "Incorrect phone number", "", 0)

    def slow_down(self) -> Response:
        """200 with an error of the limit."""
        return _error("RequestLimitExceeded", "The number of requests exceeds the limit.")

    def report(self, taken: Taken, *, is_delivered: bool) -> Posted:
        """A list of one report, in China's time."""
        data = {
            "user_receive_time": _china(),
            "nationcode": "86",
            "mobile": taken.recipient.removeprefix("+86"),
            "report_status": "SUCCESS" if is_delivered else "FAIL",
            "errmsg": "DELIVRD" if is_delivered else "MK:0001",
            "description": "用户短信送达成功" if is_delivered else "空号",
            "sid": taken.identity,
            "ext": taken.key,
        }
        return Posted(taken.callback_url, as_json([data]))

    def inbound(self, said: Said) -> Posted:
        """A message that somebody sent."""
        data = {
            "extend": said.recipient,
            "mobile": said.sender.removeprefix("+86"),
            "nationcode": "86",
            "sign": "Rapport",
            "text": said.text,
            "time": int(time.time()),
        }
        return Posted(said.callback_url, as_json(data))

    def _is_signed(self, request: Request) -> bool:
        found = _PROOF.search(request.headers.get("authorization", ""))
        if found is None:
            return False
        scope, names, given = found.groups()
        said = {**request.headers, "x-tc-action": request.headers.get("x-tc-action", "").lower()}
        lines = "".join(f"{name}:{said.get(name, '')}\n" for name in names.split(";"))
        content = hashlib.sha256(request.body).hexdigest()
        canonical = "\n".join(("POST", "/", "", lines, names, content))
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        at = request.headers.get("x-tc-timestamp", "")
        key = f"TC3{self._keys.key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signed = "\n".join(("TC3-HMAC-SHA256", at, scope, digest)).encode()
        return hmac.digest(key, signed, "sha256").hex() == given


def _answer(taken: Taken, code: str, message: str, serial: str, fee: int) -> Response:
    row: dict[str, object] = {
        "SerialNo": serial,
        "PhoneNumber": taken.recipient,
        "Fee": fee,
        "SessionContext": taken.key,
        "Code": code,
        "Message": message,
        "IsoCode": "CN",
    }
    return Response(200, {"Response": {"SendStatusSet": [row], "RequestId": "0"}})


def _china() -> str:
    return (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")


def _error(code: str, message: str) -> Response:
    told = {"Error": {"Code": code, "Message": message}, "RequestId": "0"}
    return Response(200, {"Response": told})
