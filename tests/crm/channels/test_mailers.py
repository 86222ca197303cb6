"""Every provider of e-mail that the simulator plays keeps the contract of adapters."""

from typing import ClassVar

from crm.channels.mailers.postmark import PostmarkAdapter
from tests.contracts import SECRET
from tests.mail_contracts import MailerContract


class TestPostmark(MailerContract):
    adapter_class, mailer = PostmarkAdapter, "postmark"
    secrets: ClassVar = {"server_token": "simulator", "callback_password": SECRET}
    not_sent: ClassVar = frozenset({"callback_password"})
    says: ClassVar = {"TrackOpens": False, "TrackLinks": "None", "Metadata.rapport_key": "key-1"}
