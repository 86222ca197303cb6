"""The plan: a campaign, its steps, and what was done to it by whom."""

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from campaigns.choices import CampaignKind, CampaignState, CampaignVerb, StepKind
from crm.choices import Channel, Purpose
from crm.models import Template, TemplateVersion
from crm.tracking_choices import TrackingMode
from marketing.models import Segment


class Campaign(models.Model):
    """Whom to write to, when and with what."""

    name = models.CharField(_("name"), max_length=150, unique=True)
    kind = models.CharField(
        _("kind"), max_length=20, choices=CampaignKind, default=CampaignKind.BROADCAST
    )
    purpose = models.CharField(
        _("purpose"), max_length=20, choices=Purpose, default=Purpose.MARKETING
    )
    state = models.CharField(
        _("state"),
        max_length=20,
        choices=CampaignState,
        default=CampaignState.DRAFT,
        editable=False,
    )
    segments = models.ManyToManyField(
        Segment, verbose_name=_("send to"), related_name="campaigns", blank=True
    )
    excluded_segments = models.ManyToManyField(
        Segment, verbose_name=_("but not to"), related_name="excluding_campaigns", blank=True
    )
    holdout_percent = models.PositiveSmallIntegerField(
        _("holdout (%)"),
        default=0,
        validators=[MaxValueValidator(50)],
        help_text=_("Kept out, by a stable draw, to measure what the campaign brings."),
    )
    opt_out_text = models.TextField(
        _("opt-out text"),
        blank=True,
        default="",
        max_length=500,
        help_text=_(
            "Ends SMS that do not say it already. One a line: the beginning of the number and the "
            "text, such as “+1 Reply STOP to end”; without a number: for all others. Empty: the "
            "text of the account that carries them."
        ),
    )
    # At most this is noted of whom it is sent to; empty: as the house and the template do.
    tracking = models.CharField(
        _("tracking"), max_length=10, choices=TrackingMode, blank=True, default="", db_default=""
    )
    scheduled_at = models.DateTimeField(
        _("send at"), null=True, blank=True, help_text=_("Empty: as soon as it is launched.")
    )
    # The undo window of a launch: nothing is planned before this moment.
    starts_at = models.DateTimeField(_("starts at"), null=True, blank=True, editable=False)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )

    history = HistoricalRecords(m2m_fields=[segments, excluded_segments])

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["-created_at"]
        permissions = [("launch_campaign", _("Can launch, pause and cancel campaigns"))]

    def __str__(self) -> str:
        return self.name


class Step(models.Model):
    """A node of a campaign; a message step sends one version of a template."""

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="steps", verbose_name=_("campaign")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    kind = models.CharField(_("kind"), max_length=20, choices=StepKind, default=StepKind.MESSAGE)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    template = models.ForeignKey(
        Template, models.PROTECT, related_name="steps", verbose_name=_("template")
    )
    # Frozen at launch.
    template_version = models.ForeignKey(
        TemplateVersion,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="steps",
        verbose_name=_("template version"),
    )

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["campaign", "position"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "position"], name="one_step_per_position")
        ]

    def __str__(self) -> str:
        return f"{self.campaign} · {self.position}"


class CampaignAction(models.Model):
    """What was done to a campaign, by whom, when and why; rows are only ever added."""

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="actions", verbose_name=_("campaign")
    )
    verb = models.CharField(_("what"), max_length=20, choices=CampaignVerb)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("campaign action")
        verbose_name_plural = _("campaign actions")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.verb}"
