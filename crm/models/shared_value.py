"""What many messages showed alike, kept once."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SharedValue(models.Model):
    """A product as messages showed it at one time; their variables name it by its number.

    Nothing in it is about a person, so it outlives the messages that named it.
    """

    key = models.BinaryField(_("fingerprint"), max_length=16, unique=True)
    value = models.JSONField(_("value"))

    class Meta:
        verbose_name = _("shared value")
        verbose_name_plural = _("shared values")

    def __str__(self) -> str:
        return f"#{self.pk}"
