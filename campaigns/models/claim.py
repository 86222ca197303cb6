"""A claim: the deliveries that one worker prepares, and until when they are its own."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from .campaign import Campaign, Step


class Claim(models.Model):
    """One row for a whole batch: what is named in it nobody else takes.

    Whoever writes verdicts locks it first, and it goes with them. A worker that was slower than
    its lease finds it gone and writes nothing.
    """

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="claims", verbose_name=_("campaign")
    )
    step = models.ForeignKey(
        Step, models.CASCADE, related_name="+", db_index=False, verbose_name=_("step")
    )
    owner = models.CharField(_("owner"), max_length=100)
    lease_until_at = models.DateTimeField(_("lease until"))
    delivery_ids = ArrayField(models.BigIntegerField(), verbose_name=_("deliveries"))

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{len(self.delivery_ids)} × {self.owner}"
