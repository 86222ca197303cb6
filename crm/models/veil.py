"""The veil: while it is drawn, rows are loaded with their personal data masked.

The admin draws it for staff who may not see personal data, so that every list, page and name is
masked by one rule. What was loaded under it cannot be saved.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Self

from django.db import models

Mask = Callable[[Any], Any]
_is_drawn: ContextVar[bool] = ContextVar("personal data is masked", default=False)


class SavedUnderVeil(RuntimeError):  # noqa: N818 - it names what happened
    """A row whose personal data was masked when it was loaded must not be saved."""


@contextmanager
def drawn() -> Iterator[None]:
    """Mask what is loaded from here on."""
    token = _is_drawn.set(True)
    try:
        yield
    finally:
        _is_drawn.reset(token)


@contextmanager
def lifted() -> Iterator[None]:
    """Load things as they are, for an operation that works behind the veil."""
    token = _is_drawn.set(False)
    try:
        yield
    finally:
        _is_drawn.reset(token)


def is_drawn() -> bool:
    """Whether personal data is masked just now."""
    return _is_drawn.get()


class Veiled(models.Model):
    """A row with personal data: VEILED says how each of its columns is masked."""

    VEILED: ClassVar[Mapping[str, Mask]] = {}

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **how: Any
    ) -> Self:
        """Load a row, masked while the veil is drawn."""
        row = super().from_db(db, field_names, values, **how)
        if _is_drawn.get():
            row._veil()
        return row

    def save(self, *args: Any, **options: Any) -> None:
        """Save the row, unless what it holds is masked."""
        if getattr(self, "is_veiled", False):
            raise SavedUnderVeil(f"{self._meta.label} was loaded with its personal data masked.")
        super().save(*args, **options)

    def _veil(self) -> None:
        self.is_veiled = True
        loaded = self.__dict__
        for name, mask in self.VEILED.items():
            if name in loaded:
                loaded[name] = mask(loaded[name])
