"""Providers of e-mail as they really speak: what they take, answer and report."""

from crm.simulator.mailers.amazon_ses import AmazonSes
from crm.simulator.mailers.brevo import Brevo
from crm.simulator.mailers.mailersend import MailerSend
from crm.simulator.mailers.mailgun import Mailgun
from crm.simulator.mailers.mailjet import Mailjet
from crm.simulator.mailers.mailtrap import Mailtrap
from crm.simulator.mailers.mandrill import Mandrill
from crm.simulator.mailers.postal import Postal
from crm.simulator.mailers.postmark import Postmark
from crm.simulator.mailers.resend import Resend
from crm.simulator.mailers.scaleway import Scaleway
from crm.simulator.mailers.sendgrid import SendGrid
from crm.simulator.mailers.shapes import Fate, Mailer, TakenMail
from crm.simulator.mailers.sparkpost import SparkPost
from crm.simulator.mailers.unisender_go import UnisenderGo
from crm.simulator.vendors.shapes import Keys

__all__ = ["MAILERS", "Fate", "Mailer", "TakenMail", "all_of"]

MAILERS: dict[str, type[Mailer]] = {
    "amazon_ses": AmazonSes,
    "brevo": Brevo,
    "mailersend": MailerSend,
    "mailtrap": Mailtrap,
    "postal": Postal,
    "resend": Resend,
    "scaleway": Scaleway,
    "unisender_go": UnisenderGo,
    "mailgun": Mailgun,
    "mailjet": Mailjet,
    "mandrill": Mandrill,
    "sendgrid": SendGrid,
    "sparkpost": SparkPost,
    "postmark": Postmark,
}


def all_of(*, key: str, secret: str) -> dict[str, Mailer]:
    """Every provider, with the key that it takes and the secret that proves its callbacks."""
    return {name: mailer(Keys(key, secret)) for name, mailer in MAILERS.items()}
