"""Aliyun SMS: SendSms of 2017-05-25."""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from crm.simulator.http import Posted, Request, Response
from crm.simulator.vendors.shapes import Keys, Said, Taken, as_json, identity_of

_PROOF = re.compile(r"SignedHeaders=([^,]+),Signature=([0-9a-f]{64})")


class AliyunSms:
    """Parameters in the address with a signature over them; lists without one back."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> Taken | Response:
        """`POST /?…` signed with ACS3-HMAC-SHA256."""
        if not self._is_signed(request):
            return _error(403, "SignatureDoesNotMatch", "The signature does not match.")
        if request.headers.get("x-acs-action") != "SendSms":
            return Response(200, {"Code": "OK", "Message": "OK", "RequestId": "0"})
        data = dict(parse_qsl(urlsplit(request.path).query))
        try:
            text = str(next(iter(json.loads(data["TemplateParam"]).values())))
        except (KeyError, ValueError, StopIteration):
            return _error(200, "isv.TEMPLATE_MISSING_PARAMETERS", "A parameter is missing.")
        identity = f"{int(identity_of(request)[:14], 16)}^0"
        return Taken(
            identity,
            data.get("OutId", ""),
            data.get("SignName", ""),
            data.get("PhoneNumbers", ""),
            text,
        )

    def found(self, request: Request, taken: Sequence[Taken]) -> Response | None:
        """`QuerySendDetails`: what a number got on one day."""
        is_search = request.headers.get("x-acs-action") == "QuerySendDetails"
        if not (is_search and self._is_signed(request)):
            return None
        asked = dict(parse_qsl(urlsplit(request.path).query))
        is_today = asked.get("SendDate") == _china()[:10].replace("-", "")
        rows = [
            {
                "PhoneNum": one.recipient,
                "SendStatus": 3,
                "ErrCode": "DELIVERED",
                "Content": one.text,
                "SendDate": _china(),
                "ReceiveDate": _china(),
                "OutId": one.key,
            }
            for one in taken
            if is_today and one.recipient == asked.get("PhoneNumber")
        ]
        data = {"Code": "OK", "Message": "OK", "RequestId": "0", "TotalCount": len(rows)}
        return Response(200, data | {"SmsSendDetailDTOs": {"SmsSendDetailDTO": rows}})

    def accepted(self, taken: Taken) -> Response:
        """200 with the code OK."""
        data: dict[str, object] = {
            "Code": "OK",
            "Message": "OK",
            "BizId": taken.identity,
            "RequestId": "F655A8D5-B967-440B-8683-DAD6FF8DE990",
        }
        return Response(200, data)

    def refused(self, taken: Taken) -> Response:
        """200 with a code that is an error."""
        return _error(200, "isv.MOBILE_NUMBER_ILLEGAL", f"{taken.recipient} is invalid")

    def slow_down(self) -> Response:
        """400 with the code of throttling."""
        return _error(400, "Throttling.User", "Request was denied due to user flow control.")

    def report(self, taken: Taken, *, is_delivered: bool) -> Posted:
        """A list of one report, in China's time."""
        data = {
            "phone_number": taken.recipient,
            "send_time": _china(),
            "report_time": _china(),
            "success": is_delivered,
            "err_code": "DELIVERED" if is_delivered else "MOBILE_NOT_ON_SERVICE",
            "err_msg": "用户接收成功" if is_delivered else "空号",
            "sms_size": "1",
            "biz_id": taken.identity,
            "out_id": taken.key,
        }
        return Posted(taken.callback_url, as_json([data]))

    def inbound(self, said: Said) -> Posted:
        """A list of one message that somebody sent."""
        data = {
            "phone_number": said.sender.removeprefix("+86"),
            "send_time": _china(),
            "content": said.text,
            "sign_name": "Rapport",
            "dest_code": said.recipient,
            "sequence_id": said.identity,
        }
        return Posted(said.callback_url, as_json([data]))

    def _is_signed(self, request: Request) -> bool:
        found = _PROOF.search(request.headers.get("authorization", ""))
        if found is None:
            return False
        names, given = found.groups()
        lines = "".join(f"{one}:{request.headers.get(one, '')}\n" for one in names.split(";"))
        query = urlsplit(request.path).query
        content = hashlib.sha256(request.body).hexdigest()
        canonical = "\n".join((request.method, "/", query, lines, names, content))
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signed = f"ACS3-HMAC-SHA256\n{digest}".encode()
        return hmac.digest(self._keys.key.encode(), signed, "sha256").hex() == given


def _china() -> str:
    return (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")


def _error(status: int, code: str, message: str) -> Response:
    return Response(status, {"Code": code, "Message": message, "RequestId": "0"})
