"""The form of a segment: its rules are edited by a builder that writes JSON underneath."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from marketing import segments
from marketing.choices import RunState, SegmentKind
from marketing.models import Cluster, Segment
from marketing.rules import RuleError

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


class SegmentForm(forms.ModelForm):
    """A segment whose rules are checked before they are kept."""

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
        found = json.loads(text)
    except ValueError:
        return NOTHING
    return found if isinstance(found, dict) else NOTHING


def _readable(value: Any) -> str:
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (TypeError, ValueError):
        return value or ""
