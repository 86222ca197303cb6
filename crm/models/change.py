"""What changed about whom: left by whoever changes it, for those who keep answers about people."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Change(models.Model):
    """People of whom something changed; no people means that it may have changed of anybody."""

    customer_ids = ArrayField(models.BigIntegerField(), verbose_name=_("customers"))
    # What may have changed, in the words of crm/changes.py.
    subjects = ArrayField(models.TextField(), verbose_name=_("what changed"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")

    def __str__(self) -> str:
        return f"#{self.pk}"
