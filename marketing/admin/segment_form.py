"""The form of a segment: its rules are edited by a builder that writes JSON underneath."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from marketing import rules, segments
from marketing.choices import RunState, SegmentKind
from marketing.models import Cluster, Segment
from marketing.rules import RuleError, reading

from . import builder

NOTHING = {"version": 1, "all": []}


class RulesWidget(forms.Textarea):
    """The builder, the JSON it writes, and the live preview beside it."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        context = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "value": _readable(value),
            "catalogue": builder.build(),
            "values": reverse("admin:marketing_segment_values"),
            "preview": reverse("admin:marketing_segment_preview"),
        }
        return mark_safe(  # noqa: S308 (a template of ours)
            render_to_string("admin/marketing/rules_widget.html", context)
        )


class RulesField(forms.JSONField):
    """JSON that can be kept, whatever is sent."""

    def to_python(self, value: Any) -> Any:
        """Read it; what cannot be read is said to be none."""
        try:
            found = rules.read(text=value) if isinstance(value, str) and value else {}
        except RuleError as error:
            raise ValidationError(str(error)) from error
        if not isinstance(found, dict):
            raise ValidationError(
                _("These are no rules: a JSON object is expected, as “Copy as JSON” makes.")
            )
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What is shown again."""
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return forms.fields.InvalidJSONInput(data)


class SegmentForm(forms.ModelForm):
    """A segment whose rules are checked before they are kept."""

    rules = RulesField(required=False)

    class Meta:
        model = Segment
        fields = ["name", "description", "kind", "cluster", "rules"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "rules" not in self.fields:
            return
        self.fields["rules"].widget = RulesWidget()
        self.fields["description"].widget.attrs["rows"] = 2
        self.fields["rules"].label = _("rules")
        cluster: Any = self.fields["cluster"]
        cluster.queryset = Cluster.objects.filter(run__state=RunState.USED)
        if not self.initial.get("rules"):
            self.initial["rules"] = NOTHING

    def clean(self) -> dict[str, Any]:
        """Refuse rules that nobody could compute, and say where and how to put them right."""
        cleaned: dict[str, Any] = super().clean() or {}
        kind = cleaned.get("kind")
        if kind == SegmentKind.CLUSTER and cleaned.get("cluster") is None:
            self.add_error("cluster", ValidationError(_("Choose the cluster.")))
        if kind == SegmentKind.RULE and "rules" in cleaned:
            self._check_rules(cleaned["rules"])
        return cleaned

    def _check_rules(self, rules: Any) -> None:
        try:
            segments.check(segment=Segment(pk=self.instance.pk, kind=SegmentKind.RULE, rules=rules))
        except RuleError as error:
            self.add_error("rules", ValidationError(str(error)))


def read(text: str) -> Any:
    """Rules from an address; what cannot be read is no rule yet."""
    try:
        found = rules.read(text=text)
    except RuleError:
        return NOTHING
    return found if isinstance(found, dict) else NOTHING


def _readable(value: Any) -> str:
    try:
        found = json.loads(value)
        return json.dumps(found, indent=2, ensure_ascii=not reading.is_storable(found))
    except (TypeError, ValueError, RecursionError):
        return value or ""
