"""Every provider of e-mail that the simulator plays keeps the contract of adapters."""

from dataclasses import replace
from typing import ClassVar

import pytest

from crm.channels.base import CallbackRefused
from crm.channels.mailers.amazon_ses import AmazonSesAdapter
from crm.channels.mailers.mailgun import MailgunAdapter
from crm.channels.mailers.mailjet import MailjetAdapter
from crm.channels.mailers.mandrill import MandrillAdapter
from crm.channels.mailers.postmark import PostmarkAdapter
from crm.channels.mailers.sendgrid import SendGridAdapter
from crm.channels.mailers.sparkpost import SparkPostAdapter
from crm.simulator.mailers.amazon_ses import TOPIC
from crm.simulator.mailers.sendgrid import public_key
from tests.contracts import SECRET
from tests.mail_contracts import MailerContract


class TestAmazonSes(MailerContract):
    adapter_class, mailer = AmazonSesAdapter, "amazon_ses"
    options: ClassVar = {
        "region": "eu-central-1",
        "access_key_id": "AKIDEXAMPLE",
        "topic_arn": TOPIC,
    }
    secrets: ClassVar = {"secret_access_key": "simulator"}
    is_content_signed = is_proof_inside = True
    says: ClassVar = {"EmailTags.0": {"Name": "rapport_key", "Value": "key-1"}}

    def test_a_callback_of_somebody_else_is_refused(self, adapter, account, simulator):
        """Somebody else is another topic, which SNS signs for as well."""
        self.sent(adapter)
        request = simulator.callback()
        for told in ({"topic_arn": "arn:aws:sns:eu-central-1:666:evil"}, {"topic_arn": ""}):
            options = tuple((dict(account.options) | told).items())
            stranger = self.adapter_class(replace(account, options=options))

            with pytest.raises(CallbackRefused, match="topic"):
                stranger.verify_callback(request)


class TestMailgun(MailerContract):
    adapter_class, mailer = MailgunAdapter, "mailgun"
    secrets: ClassVar = {"api_key": "simulator", "webhook_signing_key": SECRET}
    not_sent: ClassVar = frozenset({"webhook_signing_key"})
    is_proof_inside = True

    def test_a_changed_callback_is_refused(self, adapter, simulator):
        self.sent(adapter)
        request = simulator.callback()

        with pytest.raises(CallbackRefused):
            adapter.verify_callback(replace(request, body=request.body.replace(b"token", b"t")))


class TestSendGrid(MailerContract):
    adapter_class, mailer = SendGridAdapter, "sendgrid"
    secrets: ClassVar = {"api_key": "simulator", "verification_key": public_key(SECRET)}
    not_sent: ClassVar = frozenset({"verification_key"})
    is_content_signed = True
    says: ClassVar = {
        "tracking_settings.click_tracking.enable": False,
        "tracking_settings.open_tracking.enable": False,
        "tracking_settings.subscription_tracking.enable": False,
        "personalizations.0.custom_args.rapport_key": "key-1",
    }


class TestPostmark(MailerContract):
    adapter_class, mailer = PostmarkAdapter, "postmark"
    secrets: ClassVar = {"server_token": "simulator", "callback_password": SECRET}
    not_sent: ClassVar = frozenset({"callback_password"})
    says: ClassVar = {"TrackOpens": False, "TrackLinks": "None", "Metadata.rapport_key": "key-1"}


class TestSparkPost(MailerContract):
    adapter_class, mailer = SparkPostAdapter, "sparkpost"
    secrets: ClassVar = {"api_key": "simulator", "callback_password": SECRET}
    not_sent: ClassVar = frozenset({"callback_password"})
    says: ClassVar = {
        "options.open_tracking": False,
        "options.click_tracking": False,
        "options.perform_substitutions": False,
        "metadata.rapport_key": "key-1",
    }


class TestMandrill(MailerContract):
    adapter_class, mailer = MandrillAdapter, "mandrill"
    secrets: ClassVar = {"api_key": "simulator", "webhook_key": SECRET}
    not_sent: ClassVar = frozenset({"webhook_key"})
    is_content_signed = True
    says: ClassVar = {
        "message.track_opens": False,
        "message.track_clicks": False,
        "message.merge": False,
        "message.metadata.rapport_key": "key-1",
    }


class TestMailjet(MailerContract):
    adapter_class, mailer = MailjetAdapter, "mailjet"
    options: ClassVar = {"api_key": "public"}
    secrets: ClassVar = {"api_secret": "simulator", "callback_password": SECRET}
    not_sent: ClassVar = frozenset({"callback_password"})
    kept_back: ClassVar = frozenset({"list-id", "message-id"})
    says: ClassVar = {
        "Messages.0.TrackOpens": "disabled",
        "Messages.0.TrackClicks": "disabled",
        "Messages.0.CustomID": "key-1",
    }
