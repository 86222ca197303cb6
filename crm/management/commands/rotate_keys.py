"""`manage.py rotate_keys`: write what is encrypted anew under the newest key."""

from typing import Any

from django.core.management.base import BaseCommand

from crm import rotation


class Command(BaseCommand):
    """Rotate the keys of encrypted columns."""

    help = "Writes what is encrypted in the database anew under the first of FIELD_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate and say how many."""
        for column, count in rotation.rotate().items():
            self.stdout.write(f"{column}: {count}")
