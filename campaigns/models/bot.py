"""What the bot says when it is sure, and what staff say often."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from marketing.models import Intent


class Answer(models.Model):
    """What the bot answers to an intent in one language (a Jinja2 text)."""

    intent = models.ForeignKey(
        Intent, models.CASCADE, related_name="answers", verbose_name=_("intent")
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    text = models.TextField(_("text"))
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("bot answer")
        verbose_name_plural = _("bot answers")
        ordering = ["intent", "language"]
        constraints = [
            models.UniqueConstraint(fields=["intent", "language"], name="one_answer_per_language")
        ]

    def __str__(self) -> str:
        return f"{self.intent} ({self.language})"


class CannedReply(models.Model):
    """A ready reply that staff call up in the inbox with “/”."""

    shortcut = models.SlugField(_("shortcut"), unique=True)
    text = models.TextField(_("text"))

    class Meta:
        verbose_name = _("canned reply")
        verbose_name_plural = _("canned replies")
        ordering = ["shortcut"]

    def __str__(self) -> str:
        return f"/{self.shortcut}"
