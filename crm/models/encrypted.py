"""Text that is secret at rest: encrypted as it is written, with keys that can be replaced."""

import base64
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

# Tells an encrypted value from one that was written before it was.
_MARK = "enc:"


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Encrypted in the database, plain in Python; what is plain already is read as it is."""

    def is_encrypting(self) -> bool:
        """Whether what is written now is encrypted."""
        return True

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt; empty stays empty, so that it can be asked for."""
        text = super().get_prep_value(value)
        if not text or not self.is_encrypting():
            return text
        return encrypt(text)

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Decrypt what was encrypted."""
        return decrypt(value) if isinstance(value, str) and value.startswith(_MARK) else value


class BodyField(EncryptedTextField):
    """What somebody wrote: encrypted where the operator chose so."""

    def is_encrypting(self) -> bool:
        """As the settings say."""
        return bool(settings.ENCRYPT_MESSAGE_BODIES)


def encrypt(text: str) -> str:
    """Encrypt under the newest key."""
    return _MARK + _fernet(tuple(_keys())).encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """Decrypt with whichever key it was encrypted under."""
    from cryptography.fernet import InvalidToken

    try:
        return _fernet(tuple(_keys())).decrypt(text.removeprefix(_MARK)).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "A secret cannot be read: none of FIELD_ENCRYPTION_KEYS is the key it was written "
            "under. Put the former key back after the new one."
        ) from error


def _keys() -> list[str]:
    named: list[str] = settings.FIELD_ENCRYPTION_KEYS
    return named or [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> "MultiFernet":
    # Loaded where something is secret: most processes never see a secret.
    from cryptography.fernet import Fernet, MultiFernet

    digests = [hashlib.sha256(b"field:" + key.encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
