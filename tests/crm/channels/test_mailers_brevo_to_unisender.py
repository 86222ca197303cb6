"""Brevo, MailerSend, Mailtrap, Postal, Resend, Scaleway and Unisender Go keep the contract."""

from typing import ClassVar

import pytest

from crm.channels.mailers.brevo import BrevoAdapter
from crm.channels.mailers.mailersend import MailerSendAdapter
from crm.channels.mailers.mailtrap import MailtrapAdapter
from crm.channels.mailers.postal import PostalAdapter
from crm.channels.mailers.resend import ResendAdapter
from crm.channels.mailers.scaleway import ScalewayAdapter
from crm.channels.mailers.unisender_go import UnisenderGoAdapter
from tests.contracts import SECRET
from tests.mail_contracts import MailerContract

THEIR_ID = frozenset({"message-id"})


class TestBrevo(MailerContract):
    adapter_class, mailer = BrevoAdapter, "brevo"
    kept_back = THEIR_ID
    secrets: ClassVar = {"api_key": "simulator", "callback_password": SECRET}
    not_sent: ClassVar = frozenset({"callback_password"})
    says: ClassVar = {"headers.X-Mailin-custom": '{"rapport_key": "key-1"}'}


class TestMailerSend(MailerContract):
    adapter_class, mailer = MailerSendAdapter, "mailersend"
    is_content_signed = True
    kept_back = THEIR_ID | {"list-id", "feedback-id"}
    secrets: ClassVar = {"api_token": "simulator", "signing_secret": SECRET}
    not_sent: ClassVar = frozenset({"signing_secret"})
    says: ClassVar = {"settings.track_clicks": False, "settings.track_opens": False}


class TestMailtrap(MailerContract):
    adapter_class, mailer = MailtrapAdapter, "mailtrap"
    is_content_signed = True
    secrets: ClassVar = {"api_token": "simulator", "signing_secret": SECRET}
    not_sent: ClassVar = frozenset({"signing_secret"})
    says: ClassVar = {"custom_variables.rapport_key": "key-1"}


class TestPostal(MailerContract):
    adapter_class, mailer = PostalAdapter, "postal"
    is_content_signed = True
    kept_back = THEIR_ID
    secrets: ClassVar = {"api_key": "simulator"}
    not_sent: ClassVar = frozenset({"public_key"})
    untold: ClassVar = frozenset({"complain", "leave"})
    says: ClassVar = {"headers.X-AMP": "skip", "tag": "key-1"}

    @pytest.fixture(autouse=True)
    def _key(self, simulator):
        key = simulator.provider.mail._mailer("postal").public_key
        self.secrets = {"api_key": "simulator", "public_key": key}


class TestResend(MailerContract):
    adapter_class, mailer = ResendAdapter, "resend"
    is_content_signed = True
    kept_back = THEIR_ID
    secrets: ClassVar = {"api_key": "simulator", "signing_secret": SECRET}
    not_sent: ClassVar = frozenset({"signing_secret"})
    untold: ClassVar = frozenset({"leave"})
    says: ClassVar = {"tags.0.name": "rapport_key", "tags.0.value": "key-1"}


class TestScaleway(MailerContract):
    adapter_class, mailer = ScalewayAdapter, "scaleway"
    kept_back = THEIR_ID
    options: ClassVar = {"project_id": "3e2c6c23-3d44-4a44-9f0a-8c1b7f5a0001"}
    secrets: ClassVar = {"secret_key": "simulator", "callback_password": SECRET}
    not_sent: ClassVar = frozenset({"callback_password"})
    untold: ClassVar = frozenset({"complain", "leave"})
    says: ClassVar = {"to.0.email": "ann@example.com"}


class TestUnisenderGo(MailerContract):
    adapter_class, mailer = UnisenderGoAdapter, "unisender_go"
    is_content_signed = is_proof_inside = True
    kept_back = THEIR_ID
    secrets: ClassVar = {"api_key": "simulator"}
    says: ClassVar = {
        "message.track_links": 0,
        "message.track_read": 0,
        "message.template_engine": "none",
        "message.idempotence_key": "key-1",
    }
