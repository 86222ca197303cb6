"""What providers tell us, raw, each once."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import CallbackState

from .veil import Veiled


class Callback(Veiled):
    """A verified call of a provider, kept as it came before anything is done with it."""

    VEILED = {"headers": masking.facts, "body": masking.body, "error": masking.text}

    provider = models.CharField(_("provider"), max_length=50)
    key = models.CharField(_("key"), max_length=64)
    headers = models.JSONField(_("headers"), default=dict)
    body = models.BinaryField(_("body"))
    state = models.CharField(
        _("state"), max_length=20, choices=CallbackState, default=CallbackState.RECEIVED
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.CharField(_("error"), max_length=500, blank=True)
    received_at = models.DateTimeField(_("received at"))
    processed_at = models.DateTimeField(_("processed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "key"], name="one_callback_per_key")
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(state="received"), name="callback_to_process"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} #{self.pk}"
