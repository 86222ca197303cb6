"""Every provider we can speak to, by name; the one place where an adapter is registered."""

import os
import threading
from functools import cache
from importlib import import_module

from crm.channels.base import Account, Adapter

PROVIDERS: dict[str, str] = {
    "amazon_ses": "crm.channels.mailers.amazon_ses.AmazonSesAdapter",
    "email": "crm.channels.email.EmailAdapter",
    "mailgun": "crm.channels.mailers.mailgun.MailgunAdapter",
    "mailjet": "crm.channels.mailers.mailjet.MailjetAdapter",
    "mandrill": "crm.channels.mailers.mandrill.MandrillAdapter",
    "sendgrid": "crm.channels.mailers.sendgrid.SendGridAdapter",
    "sparkpost": "crm.channels.mailers.sparkpost.SparkPostAdapter",
    "postmark": "crm.channels.mailers.postmark.PostmarkAdapter",
    "brevo": "crm.channels.mailers.brevo.BrevoAdapter",
    "mailersend": "crm.channels.mailers.mailersend.MailerSendAdapter",
    "mailtrap": "crm.channels.mailers.mailtrap.MailtrapAdapter",
    "postal": "crm.channels.mailers.postal.PostalAdapter",
    "resend": "crm.channels.mailers.resend.ResendAdapter",
    "scaleway": "crm.channels.mailers.scaleway.ScalewayAdapter",
    "unisender_go": "crm.channels.mailers.unisender_go.UnisenderGoAdapter",
    "sms_http": "crm.channels.sms_http.SmsHttpAdapter",
    "twilio": "crm.channels.twilio.TwilioAdapter",
    "vonage": "crm.channels.vonage.VonageAdapter",
    "messagebird": "crm.channels.messagebird.MessageBirdAdapter",
    "plivo": "crm.channels.plivo.PlivoAdapter",
    "sinch": "crm.channels.sinch.SinchAdapter",
    "aliyun_sms": "crm.channels.aliyun_sms.AliyunSmsAdapter",
    "tencent_sms": "crm.channels.tencent_sms.TencentSmsAdapter",
    "http_template": "crm.channels.http_template.HttpTemplateAdapter",
    "smpp": "crm.channels.smpp.SmppAdapter",
    "web_push": "crm.channels.web_push.WebPushAdapter",
    "webhook": "crm.channels.webhook.WebhookAdapter",
    "memory": "crm.channels.memory.MemoryAdapter",
}

_adapters: dict[tuple[int, int, Account], Adapter] = {}


class UnknownProvider(LookupError):  # noqa: N818 - it names the mistake
    """No adapter of this name is registered."""


@cache
def adapter_class(provider: str) -> type[Adapter]:
    """Import the adapter of a provider, or say which names there are."""
    path = PROVIDERS.get(provider)
    if path is None:
        known = ", ".join(sorted(PROVIDERS))
        raise UnknownProvider(
            f"No provider is called {provider!r}; use one of: {known}. "
            "A new one is added to PROVIDERS in crm/channels/registry.py."
        )
    module, _, name = path.rpartition(".")
    found: type[Adapter] = getattr(import_module(module), name)
    return found


def adapter_for(account: Account) -> Adapter:
    """Give the adapter this process and thread keep for an account, with its open connections."""
    place = (os.getpid(), threading.get_ident(), account)
    adapter = _adapters.get(place)
    if adapter is None:
        adapter = _adapters[place] = adapter_class(account.provider)(account)
    return adapter


def close_all() -> None:
    """Close every adapter this thread keeps."""
    here = (os.getpid(), threading.get_ident())
    for place in [place for place in _adapters if place[:2] == here]:
        _adapters.pop(place).close()


def check_registered() -> list[str]:
    """Import every registered adapter and return what is wrong, one sentence each; for start-up."""
    problems = []
    for provider, path in PROVIDERS.items():
        try:
            adapter_class(provider)
        except (ImportError, AttributeError) as error:
            problems.append(f"Provider {provider!r} points at {path}, which fails: {error}")
    return problems
