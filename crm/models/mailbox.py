"""Mailboxes that bounces, complaints and answers come to, and every mail that came to us."""

from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import Health
from crm.mail_choices import (
    AfterTaking,
    MailProtocol,
    MailSecurity,
    ReturnedDeed,
    ReturnedKind,
    ReturnedState,
)

from .callback import Callback
from .encrypted import EncryptedTextField
from .message import Message
from .veil import Veiled


class Mailbox(models.Model):
    """One folder of one mailbox, read every so often; what was read is known by its numbers."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    protocol = models.CharField(
        _("protocol"), max_length=10, choices=MailProtocol, default=MailProtocol.IMAP
    )
    host = models.CharField(_("host"), max_length=253)
    port = models.PositiveIntegerField(
        _("port"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(65_535)],
        help_text=_("Empty: the usual one."),
    )
    security = models.CharField(
        _("security"), max_length=10, choices=MailSecurity, default=MailSecurity.TLS
    )
    user = models.CharField(_("user"), max_length=320)
    # Written by forms and never shown again.
    password = EncryptedTextField(_("password"), blank=True, editable=False)
    # Where the mailbox takes access tokens in place of a password (see channels.oauth).
    token_url = models.CharField(
        _("address of tokens"),
        max_length=500,
        blank=True,
        validators=[URLValidator(schemes=["https"])],
        help_text=_("Where access tokens are asked for (XOAUTH2). Empty: it takes the password."),
    )
    client_id = models.CharField(_("client id"), max_length=300, blank=True)
    client_secret = EncryptedTextField(_("client secret"), blank=True, editable=False)
    refresh_token = EncryptedTextField(_("refresh token"), blank=True, editable=False)
    scope = models.CharField(_("scope"), max_length=500, blank=True)
    folder = models.CharField(
        _("folder"), max_length=200, default="INBOX", help_text=_("POP3 knows only one.")
    )
    after = models.CharField(
        _("what is taken"), max_length=10, choices=AfterTaking, default=AfterTaking.KEEP
    )
    moved_to = models.CharField(_("moved to"), max_length=200, blank=True)
    every_seconds = models.PositiveIntegerField(
        _("read every … seconds"), default=60, validators=[MinValueValidator(15)]
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"))

    health = models.CharField(_("health"), max_length=10, choices=Health, default=Health.UNKNOWN)
    health_detail = models.CharField(_("what the server said"), max_length=500, blank=True)
    read_at = models.DateTimeField(_("read at"), null=True)
    due_at = models.DateTimeField(_("due at"), null=True)
    failures = models.PositiveSmallIntegerField(_("failures in a row"), default=0)
    # Numbers of IMAP: up to which one everything was taken, while the folder is the same.
    uid_validity = models.BigIntegerField(_("folder since"), null=True)
    last_uid = models.BigIntegerField(_("last number"), default=0)
    owner = models.CharField(_("read by"), max_length=100, blank=True)
    lease_until_at = models.DateTimeField(_("held until"), null=True)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(after=AfterTaking.MOVE) | ~models.Q(moved_to=""),
                name="a_mail_is_moved_somewhere",
            ),
            models.CheckConstraint(
                condition=models.Q(token_url="") | ~models.Q(client_id=""),
                name="whoever_asks_for_a_token_has_a_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MailboxUid(models.Model):
    """A mail that was taken and may still be in its mailbox, by the number it has there."""

    mailbox = models.ForeignKey(
        Mailbox, models.CASCADE, related_name="uids", verbose_name=_("mailbox")
    )
    uid = models.CharField(_("number in the mailbox"), max_length=255)

    class Meta:
        verbose_name = _("mail in a mailbox")
        verbose_name_plural = _("mails in mailboxes")
        constraints = [
            models.UniqueConstraint(fields=["mailbox", "uid"], name="one_mail_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.mailbox_id} {self.uid}"


class ReturnedMail(Veiled):
    """A mail that came to us: what it says, whom and what it is about, and what was done."""

    VEILED = {
        "address": masking.address,
        "recipient": masking.address,
        "uid": masking.hidden,
        "detail": masking.hidden,
        "error": masking.hidden,
    }

    mailbox = models.ForeignKey(
        Mailbox,
        models.SET_NULL,
        null=True,
        related_name="mails",
        verbose_name=_("mailbox"),
    )
    uid = models.CharField(_("number in the mailbox"), max_length=255, blank=True)
    # As it came; nothing where the mailbox did not give it.
    callback = models.OneToOneField(
        Callback,
        models.CASCADE,
        null=True,
        related_name="returned_mail",
        verbose_name=_("raw"),
    )
    recipient = models.CharField(_("came to"), max_length=320, blank=True)
    kind = models.CharField(
        _("kind"), max_length=20, choices=ReturnedKind, default=ReturnedKind.NOTHING
    )
    reason = models.CharField(_("reason"), max_length=30, blank=True)
    address = models.CharField(_("address"), max_length=320, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    message = models.ForeignKey(
        Message,
        models.CASCADE,
        null=True,
        related_name="returned_mails",
        verbose_name=_("message"),
    )
    deed = models.CharField(
        _("what was done"), max_length=20, choices=ReturnedDeed, default=ReturnedDeed.NONE
    )
    state = models.CharField(
        _("state"), max_length=10, choices=ReturnedState, default=ReturnedState.TAKEN
    )
    error = models.CharField(_("why"), max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=1)
    taken_at = models.DateTimeField(_("taken at"))

    class Meta:
        verbose_name = _("returned mail")
        verbose_name_plural = _("returned mail")
        ordering = ["-id"]
        permissions = [
            ("view_raw_returnedmail", _("Can read returned mail as it came")),
            ("retry_returnedmail", _("Can try again what was put aside")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state=ReturnedState.PUT_ASIDE) | ~models.Q(error=""),
                name="what_is_put_aside_says_why",
            )
        ]
        indexes = [
            models.Index(
                fields=["mailbox", "uid"],
                condition=models.Q(state=ReturnedState.PUT_ASIDE),
                name="returned_mail_aside",
            )
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"
