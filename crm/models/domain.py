"""What belongs to a sending domain: the keys that sign its mails, and how its DNS stands."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.mail_choices import SigningAlgorithm, SigningKeyState

from .encrypted import EncryptedTextField
from .provider import SendingDomain


class SigningKey(models.Model):
    """A key that signs the mails of a domain, once the world can read the other half."""

    domain = models.ForeignKey(
        SendingDomain, models.CASCADE, related_name="signing_keys", verbose_name=_("domain")
    )
    selector = models.CharField(_("selector"), max_length=63)
    algorithm = models.CharField(_("algorithm"), max_length=20, choices=SigningAlgorithm)
    # Made here, never shown, gone once the key is retired.
    private_key = EncryptedTextField(_("private key"), blank=True, editable=False)
    record = models.TextField(_("record"))
    state = models.CharField(
        _("state"), max_length=10, choices=SigningKeyState, default=SigningKeyState.PLANNED
    )
    # It takes this one's place by itself as soon as its record is seen.
    replaces = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        related_name="successors",
        verbose_name=_("takes the place of"),
    )
    created_at = models.DateTimeField(_("created at"))
    published_at = models.DateTimeField(_("seen in DNS at"), null=True)
    activated_at = models.DateTimeField(_("signs since"), null=True)
    retired_at = models.DateTimeField(_("retired at"), null=True)

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        ordering = ["-id"]
        permissions = [
            ("manage_signingkey", _("Can make, use and retire the keys that sign mails"))
        ]
        constraints = [
            models.UniqueConstraint(fields=["domain", "selector"], name="one_key_a_selector"),
            models.UniqueConstraint(
                fields=["domain", "algorithm"],
                condition=models.Q(state=SigningKeyState.ACTIVE),
                name="one_active_key_an_algorithm",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=SigningKeyState.ACTIVE) | ~models.Q(private_key=""),
                name="an_active_key_can_sign",
            ),
        ]

    def __str__(self) -> str:
        return self.selector

    @property
    def host(self) -> str:
        """Where its record stands in DNS."""
        return f"{self.selector}._domainkey.{self.domain.domain}"


class DomainStanding(models.Model):
    """What was last found in the DNS of a sending domain."""

    domain = models.OneToOneField(
        SendingDomain, models.CASCADE, related_name="standing", verbose_name=_("domain")
    )
    # [{about, light, code, facts, records}], as crm.domains.Finding has them.
    findings = models.JSONField(_("findings"), default=list)
    checked_at = models.DateTimeField(_("checked at"), null=True)
    # Set by “check now”, until DNS has been asked.
    check_wanted_at = models.DateTimeField(_("to be checked since"), null=True)

    class Meta:
        verbose_name = _("standing of a sending domain")
        verbose_name_plural = _("standings of sending domains")
        ordering = ["domain"]

    def __str__(self) -> str:
        return str(self.domain)
