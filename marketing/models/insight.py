"""What messages mean: the intents we know and what each inbound message was read as."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Message


class Intent(models.Model):
    """Something customers ask for, known by example phrases (one a line, any language)."""

    code = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=150)
    phrases = models.TextField(_("example phrases"), help_text=_("One a line, in any language."))
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("intent")
        verbose_name_plural = _("intents")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Insight(models.Model):
    """What an inbound message was read as, how surely, and when."""

    message = models.OneToOneField(
        Message,
        models.CASCADE,
        primary_key=True,
        related_name="insight",
        verbose_name=_("message"),
    )
    intent = models.ForeignKey(
        Intent, models.SET_NULL, null=True, related_name="insights", verbose_name=_("intent")
    )
    confidence = models.FloatField(_("confidence"))
    read_at = models.DateTimeField(_("read at"))

    class Meta:
        verbose_name = _("insight")
        verbose_name_plural = _("insights")

    def __str__(self) -> str:
        return f"{self.intent_id}: {self.confidence:.2f}"
