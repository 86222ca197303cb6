"""The form of a campaign: its one message step is two plain fields of it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.models import Campaign, Step
from crm import keywords
from crm.channels.sms_text import by_number
from crm.choices import Channel, Purpose
from crm.models import Template
from crm.tracking_choices import TrackingMode


class TemplateSelect(UnfoldAdminSelectWidget):
    """A select whose options say their channel, so that the page can offer the fitting ones."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        if value:
            option["attrs"]["data-channel"] = value.instance.channel
        return option


class CampaignForm(forms.ModelForm):
    """A campaign with the channel and the template of its message."""

    channel = forms.ChoiceField(label=_("Channel"), choices=Channel, widget=UnfoldAdminSelectWidget)
    template = forms.ModelChoiceField(
        label=_("Template"),
        queryset=Template.objects.order_by("name"),
        widget=TemplateSelect,
        empty_label=_("Choose a template"),
        help_text=_("What it says, in its newest version at the moment of the launch."),
    )
    tracking = forms.ChoiceField(
        label=_("Tracking"),
        choices=[("", _("As the shop and the template do")), *TrackingMode.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_(
            "How much is noted at most of who opens this mail and follows its links. The strictest "
            "holds of what the shop, the template, the campaign and the person say."
        ),
    )

    class Meta:
        model = Campaign
        fields = [
            "name",
            "purpose",
            "segments",
            "excluded_segments",
            "opt_out_text",
            "tracking",
            "scheduled_at",
            "holdout_percent",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["opt_out_text"].widget.attrs["rows"] = 3
        step = self.instance.steps.first() if self.instance.pk else None
        if step is not None:
            self.initial.setdefault("channel", step.channel)
            self.initial.setdefault("template", step.template_id)

    def clean_opt_out_text(self) -> str:
        """Refuse words that nobody could answer with, and two that are for all others."""
        told: str = self.cleaned_data["opt_out_text"].strip()
        lines = [line for line in told.splitlines() if line.strip()]
        for line in lines:
            if not any(keywords.names_stop(text=said) for said in by_number(line).values()):
                raise ValidationError(
                    _("“%(line)s” names no word to answer with, such as STOP or 退订.")
                    % {"line": line.strip()}
                )
        if len(by_number(told)) < len(lines):
            raise ValidationError(_("Two lines are for the same numbers."))
        return told

    def clean(self) -> dict[str, Any]:
        """Refuse a template for another channel, and keep nothing that only another channel has."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("channel") != Channel.SMS:
            cleaned["opt_out_text"] = ""
        if cleaned.get("channel") != Channel.EMAIL:
            cleaned["tracking"] = ""
        purpose = cleaned.get("purpose")
        if cleaned.get("opt_out_text") and purpose and not Purpose(purpose).needs_consent:
            self.add_error(
                "opt_out_text",
                ValidationError(_("An SMS of this purpose says no way out: leave it empty.")),
            )
        template, channel = cleaned.get("template"), cleaned.get("channel")
        if template is not None and channel and template.channel != channel:
            self.add_error(
                "template", ValidationError(_("This template is written for another channel."))
            )
        return cleaned

    def save_step(self) -> None:
        """Keep the message as the campaign's first step."""
        Step.objects.update_or_create(
            campaign=self.instance,
            position=1,
            defaults={
                "channel": self.cleaned_data["channel"],
                "template": self.cleaned_data["template"],
            },
        )
