"""Every provider that the simulator plays keeps the contract of adapters."""

from typing import ClassVar

import pytest

from crm.channels import dkim
from crm.channels.aliyun_sms import AliyunSmsAdapter
from crm.channels.base import Account
from crm.channels.http_template import HttpTemplateAdapter
from crm.channels.messagebird import MessageBirdAdapter
from crm.channels.plivo import PlivoAdapter
from crm.channels.sinch import SinchAdapter
from crm.channels.tencent_sms import TencentSmsAdapter
from crm.channels.twilio import TwilioAdapter
from crm.channels.vonage import VonageAdapter
from tests.contracts import SECRET
from tests.text_contracts import TextContract


class TestTwilio(TextContract):
    adapter_class, played = TwilioAdapter, "twilio"
    options: ClassVar = {"account_sid": "AC0123456789abcdef0123456789abcdef"}
    secrets: ClassVar = {"auth_token": SECRET}


class TestVonage(TextContract):
    adapter_class, played = VonageAdapter, "vonage"
    options: ClassVar = {"api_key": "abcd1234"}
    secrets: ClassVar = {"api_secret": "simulator", "signature_secret": SECRET}


@pytest.mark.parametrize(
    "key", ["nothing of the kind", dkim.new_pair(algorithm=dkim.ED25519).private]
)
def test_a_private_key_that_cannot_sign_is_refused_before_the_account_is_kept(key: str) -> None:
    secrets = (("private_key", key), ("signature_secret", SECRET))

    with pytest.raises(ValueError, match="is no RSA key in PEM"):
        VonageAdapter(Account("vonage", "", secrets=secrets))


class TestMessageBird(TextContract):
    adapter_class, played = MessageBirdAdapter, "messagebird"
    secrets: ClassVar = {"access_key": "simulator", "signing_key": SECRET}


class TestPlivo(TextContract):
    adapter_class, played = PlivoAdapter, "plivo"
    options: ClassVar = {"auth_id": "MA2025RK4E639VJFZAGV"}
    secrets: ClassVar = {"auth_token": SECRET}


class TestSinch(TextContract):
    adapter_class, played = SinchAdapter, "sinch"
    options: ClassVar = {"service_plan_id": "plan"}
    secrets: ClassVar = {"api_token": "simulator", "webhook_secret": SECRET}


class TestAliyunSms(TextContract):
    adapter_class, played, recipient = AliyunSmsAdapter, "aliyun_sms", "+861390000"
    person = "+8613900001234"
    is_content_signed = False
    options: ClassVar = {
        "access_key_id": "LTAI",
        "sign_name": "拉波",
        "template_code": "SMS_123456",
        "template_variable": "text",
    }
    secrets: ClassVar = {"access_key_secret": "simulator", "callback_token": SECRET}


class TestTencentSms(TextContract):
    adapter_class, played, recipient = TencentSmsAdapter, "tencent_sms", "+861390000"
    person = "+8613900001234"
    is_content_signed = False
    options: ClassVar = {
        "secret_id": "AKID",
        "sdk_app_id": "1400000000",
        "sign_name": "拉波",
        "template_id": "1110",
    }
    secrets: ClassVar = {"secret_key": "simulator", "callback_token": SECRET}


class TestHttpTemplate(TextContract):
    adapter_class, played = HttpTemplateAdapter, "http_template"
    path = "/send"
    is_content_signed, refusal = False, "rejected"
    options: ClassVar = {
        "headers": "Content-Type: application/json\nX-Key: {secret}",
        "body": (
            '{"to": "{to}", "from": "{from}", "text": "{text}", '
            '"callback": "{callback_url}", "kept": "{unknown} { }"}'
        ),
        "success": "status=ok",
        "id_path": "messages.0.id",
        "callback_words": "DELIVRD delivered\nUNDELIV failed",
    }
    secrets: ClassVar = {"secret": "simulator", "callback_token": SECRET}
