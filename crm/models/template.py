"""Reusable content: a template, its versions (immutable once used) and their links."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.choices import Channel, SourceKind
from crm.tracking_choices import TrackingMode


class Template(models.Model):
    """Content that campaigns and staff send, in numbered versions."""

    name = models.CharField(_("name"), max_length=150, unique=True)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    # At most this is noted of whom it is sent to; empty: as the house does.
    tracking = models.CharField(
        _("tracking"), max_length=10, choices=TrackingMode, blank=True, default="", db_default=""
    )
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """What a template said at one time; editing makes a new version."""

    template = models.ForeignKey(
        Template, models.PROTECT, related_name="versions", verbose_name=_("template")
    )
    number = models.PositiveIntegerField(_("version"))
    subject = models.TextField(_("subject"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    text = models.TextField(_("text"), blank=True)
    # What the HTML is written in.
    kind = models.CharField(
        _("kind"), max_length=10, choices=SourceKind, default=SourceKind.HTML, editable=False
    )
    # The parts with snippets put in and MJML compiled, where they differ from what was written.
    made = models.JSONField(_("made"), default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    # Nothing is sent with it any more, what is queued included.
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, editable=False)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("withdrawn by"),
    )
    withdrawn_because = models.CharField(
        _("withdrawn because"), max_length=255, blank=True, editable=False
    )
    # Mails of it that took the slow way for a fault of ours: which, how many, when last.
    slow_because = models.CharField(
        _("slow because"), max_length=100, blank=True, default="", db_default="", editable=False
    )
    slow_count = models.PositiveBigIntegerField(
        _("rendered slowly"), default=0, db_default=0, editable=False
    )
    slow_at = models.DateTimeField(_("slow at"), null=True, editable=False)

    class Meta:
        verbose_name = _("template version")
        verbose_name_plural = _("template versions")
        ordering = ["template", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="one_version_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"


class TrackedLink(models.Model):
    """A link of a version, by position; its address may hold Jinja expressions."""

    version = models.ForeignKey(
        TemplateVersion, models.CASCADE, related_name="links", verbose_name=_("version")
    )
    position = models.PositiveSmallIntegerField(_("position"))
    url = models.TextField(_("address"))

    class Meta:
        verbose_name = _("tracked link")
        verbose_name_plural = _("tracked links")
        ordering = ["version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="one_link_per_position")
        ]

    def __str__(self) -> str:
        return self.url
