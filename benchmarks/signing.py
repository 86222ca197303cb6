"""Keys of the benchmark's sending domain, of which at most one signs at a time."""

from datetime import datetime

from crm import accounts, signatures
from crm.channels import dkim, mime
from crm.choices import Channel
from crm.mail_choices import SigningKeyState
from crm.models import SendingDomain, SigningKey


def make_keys(*, now: datetime) -> None:
    """Make a key of each kind for the domain that our mail comes from."""
    sender = mime.parse_address(accounts.sender(channel=Channel.EMAIL))
    domain = SendingDomain.objects.create(domain=sender.address.rpartition("@")[2])
    for algorithm in (dkim.ED25519, dkim.RSA):
        pair = dkim.new_pair(algorithm=algorithm)
        SigningKey.objects.create(
            domain=domain,
            selector=algorithm.partition("-")[0],
            algorithm=algorithm,
            private_key=pair.private,
            record=pair.record,
            created_at=now,
        )


def sign_by(*, algorithm: str) -> None:
    """Let the key of one kind sign, or none; the senders read the keys before each campaign."""
    SigningKey.objects.update(state=SigningKeyState.PLANNED)
    SigningKey.objects.filter(algorithm=algorithm).update(state=SigningKeyState.ACTIVE)
    signatures.forget()
