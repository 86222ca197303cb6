"""`manage.py push_keys`: draw the pair of keys that web push is signed with."""

from typing import Any

from django.core.management.base import BaseCommand

from crm.channels import web_push


class Command(BaseCommand):
    """Print a new private key for an account, and the public key that browsers will ask for."""

    help = "Draws keys for web push (VAPID); the private one goes into the provider account."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Draw and print; nothing is kept."""
        private = web_push.draw_private_key()
        self.stdout.write(f"private: {private}\npublic:  {web_push.public_text(private)}")
