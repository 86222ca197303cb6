"""The form of a campaign: its one message step is two plain fields of it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.models import Campaign, Step
from crm.choices import Channel
from crm.models import Template


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

    class Meta:
        model = Campaign
        fields = [
            "name",
            "purpose",
            "segments",
            "excluded_segments",
            "scheduled_at",
            "holdout_percent",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        step = self.instance.steps.first() if self.instance.pk else None
        if step is not None:
            self.initial.setdefault("channel", step.channel)
            self.initial.setdefault("template", step.template_id)

    def clean(self) -> dict[str, Any]:
        """Refuse a template that is written for another channel."""
        cleaned: dict[str, Any] = super().clean() or {}
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
