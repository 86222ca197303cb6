"""Providers of e-mail as they really speak: what they take, answer and report."""

from crm.simulator.mailers.postmark import Postmark
from crm.simulator.mailers.shapes import Fate, Mailer, TakenMail
from crm.simulator.vendors.shapes import Keys

__all__ = ["MAILERS", "Fate", "Mailer", "TakenMail", "all_of"]

MAILERS: dict[str, type[Mailer]] = {
    "postmark": Postmark,
}


def all_of(*, key: str, secret: str) -> dict[str, Mailer]:
    """Every provider, with the key that it takes and the secret that proves its callbacks."""
    return {name: mailer(Keys(key, secret)) for name, mailer in MAILERS.items()}
