"""Providers of e-mail as they really speak: what they take, answer and report."""

from importlib import import_module

from crm.simulator.mailers.shapes import Fate, Mailer, TakenMail
from crm.simulator.vendors.shapes import Keys

__all__ = ["MAILERS", "Fate", "Keys", "Mailer", "TakenMail", "mailer"]

# Each is imported when somebody first speaks to it: some need cryptography; the outbox is light.
MAILERS = {
    "amazon_ses": "crm.simulator.mailers.amazon_ses.AmazonSes",
    "brevo": "crm.simulator.mailers.brevo.Brevo",
    "mailersend": "crm.simulator.mailers.mailersend.MailerSend",
    "mailgun": "crm.simulator.mailers.mailgun.Mailgun",
    "mailjet": "crm.simulator.mailers.mailjet.Mailjet",
    "mailtrap": "crm.simulator.mailers.mailtrap.Mailtrap",
    "mandrill": "crm.simulator.mailers.mandrill.Mandrill",
    "postal": "crm.simulator.mailers.postal.Postal",
    "postmark": "crm.simulator.mailers.postmark.Postmark",
    "resend": "crm.simulator.mailers.resend.Resend",
    "scaleway": "crm.simulator.mailers.scaleway.Scaleway",
    "sendgrid": "crm.simulator.mailers.sendgrid.SendGrid",
    "sparkpost": "crm.simulator.mailers.sparkpost.SparkPost",
    "unisender_go": "crm.simulator.mailers.unisender_go.UnisenderGo",
}


def mailer(name: str, keys: Keys) -> Mailer:
    """A provider, with the key that it takes and the secret that proves its callbacks."""
    module, _, found = MAILERS[name].rpartition(".")
    made: Mailer = getattr(import_module(module), found)(keys)
    return made
